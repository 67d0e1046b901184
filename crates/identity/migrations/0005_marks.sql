-- What may be used once: ids of client assertions.
CREATE TABLE used_once (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX used_once_expires ON used_once (expires);

-- Access tokens that are dead before they expire: one row for a token, or for all of a grant, a session, a client or a
-- user that were issued up to a moment. A row goes when the last token that it can mean has expired.
CREATE TABLE revocation (
    kind    TEXT    NOT NULL CHECK (kind IN ('token', 'grant', 'session', 'client', 'user')),
    subject TEXT    NOT NULL,
    until   INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX revocation_expires ON revocation (expires);
