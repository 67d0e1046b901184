-- What a user allowed a client: everything that was issued under it points here.
CREATE TABLE user_grant (
    id        TEXT    NOT NULL PRIMARY KEY,
    user      TEXT    NOT NULL,
    client    TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    session   TEXT,
    scopes    TEXT    NOT NULL,
    resources TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    revoked   INTEGER,
    -- How the user authenticated, as the tokens say it.
    facts     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX user_grant_user ON user_grant (user);
CREATE INDEX user_grant_client ON user_grant (client);
CREATE INDEX user_grant_session ON user_grant (session) WHERE session IS NOT NULL;
CREATE INDEX user_grant_expires ON user_grant (expires);

-- Authorization codes. A used one stays until it expires, so that its second use is noticed.
CREATE TABLE code (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    user_grant TEXT NOT NULL REFERENCES user_grant (id) ON DELETE CASCADE,
    bound   TEXT    NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX code_expires ON code (expires);
CREATE INDEX code_grant ON code (user_grant);

-- Refresh tokens, a lineage for each grant.
CREATE TABLE refresh (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    user_grant TEXT NOT NULL REFERENCES user_grant (id) ON DELETE CASCADE,
    bound   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    -- When its successor was first given.
    rotated INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_expires ON refresh (expires);
CREATE INDEX refresh_grant ON refresh (user_grant);

-- Pushed authorization requests (RFC 9126), used up when a code is given.
CREATE TABLE pushed (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    client  TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    request TEXT    NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pushed_expires ON pushed (expires);
CREATE INDEX pushed_client ON pushed (client);

-- Devices that wait for a user (RFC 8628).
CREATE TABLE device (
    digest    BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    user_code TEXT    NOT NULL UNIQUE,
    client    TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    scopes    TEXT    NOT NULL,
    resources TEXT    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('pending', 'allowed', 'denied', 'used')),
    user_grant TEXT REFERENCES user_grant (id) ON DELETE CASCADE,
    polled    INTEGER NOT NULL,
    interval  INTEGER NOT NULL,
    expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX device_expires ON device (expires);
CREATE INDEX device_client ON device (client);
CREATE INDEX device_grant ON device (user_grant) WHERE user_grant IS NOT NULL;

-- Opaque access tokens: what a gateway puts in their place.
CREATE TABLE opaque (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    claims  TEXT    NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX opaque_expires ON opaque (expires);
