-- API keys. Only the SHA-256 of a key is kept; times are unix seconds.
CREATE TABLE api_key (
    id        TEXT    NOT NULL PRIMARY KEY,
    digest    BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    owner     TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    scopes    TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    revoked   INTEGER,
    last_used INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_key_expires ON api_key (expires);

-- One row: how often a key was revoked, rolled or had its expiry changed. Other processes poll it.
CREATE TABLE key_change (
    only    INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    counter INTEGER NOT NULL
) STRICT;

INSERT INTO key_change (only, counter) VALUES (1, 0);
