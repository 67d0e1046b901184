-- Accounts at other OpenID providers that users log in with: who it is there, and who it is here.
CREATE TABLE external_identity (
    issuer    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    id        TEXT    NOT NULL UNIQUE,
    user      TEXT    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    -- What the provider calls them, for the user's own list.
    shown     TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    last_used INTEGER,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX external_identity_user ON external_identity (user);

-- Users are found by an address that was verified when an operator says so for a provider.
CREATE INDEX user_email ON user (email) WHERE email IS NOT NULL;
