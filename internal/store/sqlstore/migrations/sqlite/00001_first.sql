-- Times are unix nanoseconds in UTC, 0 where there is none. Boxes are sealed.
-- Tables keep their rowid and a unique index beside it: so they load three times
-- faster than WITHOUT ROWID.

-- +goose Up

CREATE TABLE records (
    id                       INTEGER PRIMARY KEY,
    key                      TEXT    NOT NULL, -- app/kind or app/kind/subject, escaped
    app                      TEXT    NOT NULL, -- the parts of key, as they stand in it: for people to search
    kind                     TEXT    NOT NULL,
    subject                  TEXT    NOT NULL,
    version                  INTEGER NOT NULL,
    current_version          INTEGER NOT NULL, -- 0: there is no current token
    current_issued           INTEGER NOT NULL,
    current_expiry           INTEGER NOT NULL,
    current_until            INTEGER NOT NULL, -- end of the promise
    previous_version         INTEGER NOT NULL,
    previous_issued          INTEGER NOT NULL,
    previous_expiry          INTEGER NOT NULL,
    previous_until           INTEGER NOT NULL,
    due                      INTEGER NOT NULL,
    rejected                 INTEGER NOT NULL, -- version of a token known to be dead
    failure_class            TEXT    NOT NULL,
    failure_code             TEXT    NOT NULL,
    failure_message          TEXT    NOT NULL,
    failure_hint             TEXT    NOT NULL,
    failure_platform_code    TEXT    NOT NULL,
    failure_platform_message TEXT    NOT NULL,
    failure_attempts         INTEGER NOT NULL, -- 0: nothing failed
    failure_first            INTEGER NOT NULL,
    failure_last             INTEGER NOT NULL,
    failure_not_before       INTEGER NOT NULL, -- end of the back-off
    failure_unknown_at       INTEGER NOT NULL,
    budget_day               INTEGER NOT NULL, -- days since 1970 in Shanghai
    budget_issues            INTEGER NOT NULL,
    budget_unplanned         INTEGER NOT NULL,
    budget_forced            INTEGER NOT NULL,
    budget_streak            INTEGER NOT NULL,
    budget_last_unplanned    INTEGER NOT NULL,
    budget_last_forced       INTEGER NOT NULL,
    foreign_count            INTEGER NOT NULL,
    foreign_last             INTEGER NOT NULL,
    secret                   TEXT    NOT NULL, -- fingerprint of the app secret that worked last
    source                   TEXT    NOT NULL, -- names the registration the tokens were issued for
    current_box              BLOB,
    previous_box             BLOB
) STRICT;
CREATE UNIQUE INDEX records_key ON records (key);

-- The last lease taken of each name. Rows stay, because terms never repeat.
CREATE TABLE leases (
    id       INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL,
    holder   TEXT    NOT NULL,
    term     INTEGER NOT NULL,
    acquired INTEGER NOT NULL,
    expiry   INTEGER NOT NULL,
    released INTEGER NOT NULL -- 0: not released, so held or run out
) STRICT;
CREATE UNIQUE INDEX leases_name ON leases (name);

CREATE TABLE apps (
    id      INTEGER PRIMARY KEY,
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    spec    TEXT    NOT NULL, -- JSON
    sealed  BLOB
) STRICT;
CREATE UNIQUE INDEX apps_name ON apps (name);

CREATE TABLE clients (
    id      INTEGER PRIMARY KEY,
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    spec    TEXT    NOT NULL, -- JSON
    sealed  BLOB
) STRICT;
CREATE UNIQUE INDEX clients_name ON clients (name);

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    client     TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    app        TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    remote     TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    result     TEXT    NOT NULL,
    count      INTEGER NOT NULL -- of reads that were put together
) STRICT;
CREATE INDEX audit_client ON audit (client, id);
CREATE INDEX audit_app ON audit (app, id);
CREATE INDEX audit_at ON audit (at);

CREATE TABLE settings (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX settings_name ON settings (name);
