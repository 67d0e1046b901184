-- Clients. What is known of one is a JSON document that the program reads whole.
CREATE TABLE client (
    id       TEXT    NOT NULL PRIMARY KEY,
    record   TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Secrets of clients, as SHA-256. Two are good at once while one replaces the other.
CREATE TABLE client_secret (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    client  TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    expires INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX client_secret_client ON client_secret (client);
CREATE INDEX client_secret_expires ON client_secret (expires) WHERE expires IS NOT NULL;

-- Initial access tokens of operators, and registration access tokens of clients (RFC 7591 and 7592).
CREATE TABLE registration_token (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    client  TEXT    REFERENCES client (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX registration_token_expires ON registration_token (expires);
