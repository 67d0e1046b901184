-- Clients that were given tokens in a session, and want to be told of its end.
CREATE TABLE session_client (
    session TEXT    NOT NULL,
    client  TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    user    TEXT    NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (session, client)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_client_client ON session_client (client);
CREATE INDEX session_client_expires ON session_client (expires);

-- Ends of sessions that clients have yet to be told of.
CREATE TABLE logout_notice (
    id      INTEGER NOT NULL PRIMARY KEY,
    session TEXT    NOT NULL,
    client  TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    user    TEXT    NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0,
    -- When it is tried next.
    due     INTEGER NOT NULL,
    -- When it is given up.
    expires INTEGER NOT NULL
) STRICT;

CREATE INDEX logout_notice_client ON logout_notice (client);
CREATE INDEX logout_notice_due ON logout_notice (due);
CREATE INDEX logout_notice_expires ON logout_notice (expires);
