-- People who can log in. Times are unix seconds; every secret is kept as a digest, a slow hash or sealed.
CREATE TABLE user (
    id               TEXT    NOT NULL PRIMARY KEY,
    -- In lower case and NFC.
    name             TEXT    NOT NULL UNIQUE,
    display_name     TEXT    NOT NULL,
    email            TEXT,
    email_verified   INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    -- With spaces between them.
    roles            TEXT    NOT NULL,
    tenant           TEXT,
    -- What passkeys know the user by. It says nothing about them.
    handle           BLOB    NOT NULL UNIQUE CHECK (length(handle) = 32),
    -- Argon2id, as a PHC string.
    password         TEXT,
    password_changed INTEGER,
    disabled         INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Browsers in which somebody is logged in, by the SHA-256 of their cookie.
CREATE TABLE session (
    digest        BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    id            TEXT    NOT NULL UNIQUE,
    user          TEXT    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    acr           TEXT    NOT NULL,
    amr           TEXT    NOT NULL,
    authenticated INTEGER NOT NULL,
    created       INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    -- When it ends however much it is used.
    ends          INTEGER NOT NULL,
    -- When it ends unless it is used before: never later than `ends`.
    expires       INTEGER NOT NULL,
    address       TEXT    NOT NULL,
    agent         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_user ON session (user);
CREATE INDEX session_expires ON session (expires);

-- Those whose password was right and who owe a second factor.
CREATE TABLE login_step (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    user    TEXT    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX login_step_user ON login_step (user);
CREATE INDEX login_step_expires ON login_step (expires);

CREATE TABLE passkey (
    id              BLOB    NOT NULL PRIMARY KEY,
    user            TEXT    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL,
    -- The public key, as COSE.
    cose            BLOB    NOT NULL,
    sign_count      INTEGER NOT NULL,
    backup_eligible INTEGER NOT NULL CHECK (backup_eligible IN (0, 1)),
    backed_up       INTEGER NOT NULL CHECK (backed_up IN (0, 1)),
    created         INTEGER NOT NULL,
    last_used       INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX passkey_user ON passkey (user);

-- One-time codes by time: the secret, sealed, and the last step of which a code was taken.
CREATE TABLE totp (
    user      TEXT    NOT NULL PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    sealed    BLOB    NOT NULL,
    created   INTEGER NOT NULL,
    -- When its first code was right; before that it is not asked for.
    confirmed INTEGER,
    last_step INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Recovery codes that were not used yet.
CREATE TABLE recovery_code (
    user   TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (user, digest)
) STRICT, WITHOUT ROWID;

-- Browsers that somebody has logged in with before: others' guesses do not slow them down.
CREATE TABLE known_device (
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    id        TEXT    NOT NULL UNIQUE,
    user      TEXT    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    agent     TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    PRIMARY KEY (digest, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_device_user ON known_device (user);
CREATE INDEX known_device_expires ON known_device (expires);

-- One-time links by which somebody comes to their account, the first time or again.
CREATE TABLE invitation (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    user    TEXT    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    kind    TEXT    NOT NULL CHECK (kind IN ('invite', 'recover')),
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX invitation_user ON invitation (user);
CREATE INDEX invitation_expires ON invitation (expires);

-- Failed logins, counted by account, by device and by address, each under a digest.
CREATE TABLE throttle (
    key      BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    failures INTEGER NOT NULL,
    -- Until when no other try is taken.
    until    INTEGER NOT NULL,
    expires  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX throttle_expires ON throttle (expires);

-- What happened to accounts: no secrets, and for a while only.
CREATE TABLE event (
    id      INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    -- No reference: what happened stays when the user goes.
    user    TEXT,
    address TEXT    NOT NULL,
    detail  TEXT    NOT NULL
) STRICT;

CREATE INDEX event_at ON event (at);
CREATE INDEX event_user ON event (user, id) WHERE user IS NOT NULL;
