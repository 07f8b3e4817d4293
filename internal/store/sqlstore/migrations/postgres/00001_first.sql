-- Times are unix nanoseconds in UTC on the database's clock, 0 where there is none.
-- Boxes are sealed. Keys and names compare byte by byte, whatever the database's
-- collation.
--
-- Servers of this version and of the next run side by side: a migration adds, and only
-- one of a later version takes away what no server uses any more. That one also raises
-- schema_compat.oldest to its own number, so that servers that still know of it stop at
-- their start instead of at their first statement.

-- +goose Up

CREATE TABLE schema_compat (
    id     integer PRIMARY KEY CHECK (id = 1),
    oldest bigint  NOT NULL -- the oldest schema that a server has to know to use this one
);
INSERT INTO schema_compat (id, oldest) VALUES (1, 1);

CREATE TABLE records (
    key                      text   COLLATE "C" PRIMARY KEY, -- app/kind or app/kind/subject, escaped
    app                      text   NOT NULL, -- the parts of key, as they stand in it: for people to search
    kind                     text   NOT NULL,
    subject                  text   NOT NULL,
    changed                  bigint NOT NULL, -- when it was written, as every server looks for it
    version                  bigint NOT NULL,
    current_version          bigint NOT NULL, -- 0: there is no current token
    current_issued           bigint NOT NULL,
    current_expiry           bigint NOT NULL,
    current_until            bigint NOT NULL, -- end of the promise
    previous_version         bigint NOT NULL,
    previous_issued          bigint NOT NULL,
    previous_expiry          bigint NOT NULL,
    previous_until           bigint NOT NULL,
    due                      bigint NOT NULL,
    rejected                 bigint NOT NULL, -- version of a token known to be dead
    failure_class            text   NOT NULL,
    failure_code             text   NOT NULL,
    failure_message          text   NOT NULL,
    failure_hint             text   NOT NULL,
    failure_platform_code    text   NOT NULL,
    failure_platform_message text   NOT NULL,
    failure_attempts         bigint NOT NULL, -- 0: nothing failed
    failure_first            bigint NOT NULL,
    failure_last             bigint NOT NULL,
    failure_not_before       bigint NOT NULL, -- end of the back-off
    failure_unknown_at       bigint NOT NULL,
    budget_day               bigint NOT NULL, -- days since 1970 in Shanghai
    budget_issues            bigint NOT NULL,
    budget_unplanned         bigint NOT NULL,
    budget_forced            bigint NOT NULL,
    budget_streak            bigint NOT NULL,
    budget_last_unplanned    bigint NOT NULL,
    budget_last_forced       bigint NOT NULL,
    foreign_count            bigint NOT NULL,
    foreign_last             bigint NOT NULL,
    secret                   text   NOT NULL, -- fingerprint of the app secret that worked last
    source                   text   NOT NULL, -- names the registration the tokens were issued for
    current_box              bytea,
    previous_box             bytea
);
CREATE INDEX records_changed ON records (changed);

-- The last lease taken of each name. Rows stay, because terms never repeat.
CREATE TABLE leases (
    name     text   COLLATE "C" PRIMARY KEY,
    holder   text   COLLATE "C" NOT NULL,
    term     bigint NOT NULL,
    acquired bigint NOT NULL,
    expiry   bigint NOT NULL,
    released bigint NOT NULL -- 0: not released, so held or run out
);

CREATE TABLE apps (
    name    text   COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    spec    text   NOT NULL, -- JSON
    sealed  bytea
);

CREATE TABLE clients (
    name    text   COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    spec    text   NOT NULL, -- JSON
    sealed  bytea
);

-- When each app and client was put or deleted last. Rows stay when what they name has gone.
CREATE TABLE definition_changes (
    sort    text   COLLATE "C" NOT NULL, -- app or client
    name    text   COLLATE "C" NOT NULL,
    changed bigint NOT NULL,
    PRIMARY KEY (sort, name)
);
CREATE INDEX definition_changes_changed ON definition_changes (changed);

CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         bigint NOT NULL,
    client     text   COLLATE "C" NOT NULL,
    action     text   COLLATE "C" NOT NULL,
    app        text   COLLATE "C" NOT NULL,
    kind       text   NOT NULL,
    target     text   NOT NULL,
    version    bigint NOT NULL,
    remote     text   NOT NULL,
    request_id text   NOT NULL,
    result     text   NOT NULL,
    count      bigint NOT NULL -- of reads that were put together
);
CREATE INDEX audit_client ON audit (client, id);
CREATE INDEX audit_app ON audit (app, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_app_action ON audit (app, action, id);
CREATE INDEX audit_at ON audit (at);

CREATE TABLE settings (
    name  text  COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

-- The servers that use this database.
CREATE TABLE members (
    name text   COLLATE "C" PRIMARY KEY,
    n    bigint NOT NULL, -- its last beat
    seen bigint NOT NULL
);
