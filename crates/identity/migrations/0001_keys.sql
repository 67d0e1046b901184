-- Signing keys. Private keys are sealed by the master key; times are unix seconds.
CREATE TABLE signing_key (
    kid       TEXT    NOT NULL PRIMARY KEY,
    algorithm TEXT    NOT NULL,
    sealed    BLOB    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('next', 'active', 'retired')),
    published INTEGER NOT NULL,
    activated INTEGER,
    retired   INTEGER
) STRICT, WITHOUT ROWID;

-- At most one key of an algorithm signs, and at most one waits to.
CREATE UNIQUE INDEX signing_key_active ON signing_key (algorithm) WHERE state = 'active';
CREATE UNIQUE INDEX signing_key_next ON signing_key (algorithm) WHERE state = 'next';

-- One row: a known text under the master key, by which a wrong one is noticed before anything is sealed with it.
CREATE TABLE master_key_check (
    only   INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    sealed BLOB    NOT NULL
) STRICT;

-- One row: moves with every change that running servers must see at once. Other processes poll it.
CREATE TABLE change (
    only    INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    counter INTEGER NOT NULL
) STRICT;

INSERT INTO change (only, counter) VALUES (1, 0);
