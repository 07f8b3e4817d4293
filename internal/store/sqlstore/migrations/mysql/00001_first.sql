-- Times are unix nanoseconds in UTC on the database's clock, 0 where there is none.
-- Boxes are sealed. Keys and names are binary, because they compare byte by byte, blanks
-- at the end too, which no collation of all these databases does. Show them with
-- CONVERT(name USING utf8mb4).
--
-- Servers of this version and of the next run side by side: a migration adds, and only
-- one of a later version takes away what no server uses any more. That one also raises
-- schema_compat.oldest to its own number, so that servers that still know of it stop at
-- their start instead of at their first statement.
--
-- MySQL does not undo such statements. So each can be run once more, in case a server
-- ended half-way.

-- +goose Up

CREATE TABLE IF NOT EXISTS schema_compat (
    id     int PRIMARY KEY,
    oldest bigint  NOT NULL -- the oldest schema that a server has to know to use this one
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT IGNORE INTO schema_compat (id, oldest) VALUES (1, 1);

CREATE TABLE IF NOT EXISTS records (
    `key`                    varbinary(2048) PRIMARY KEY, -- app/kind or app/kind/subject, escaped
    app                      varchar(255) NOT NULL, -- the parts of key, as they stand in it: for people to search
    kind                     varchar(255) NOT NULL,
    subject                  mediumtext NOT NULL,
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
    failure_class            mediumtext NOT NULL,
    failure_code             mediumtext NOT NULL,
    failure_message          mediumtext NOT NULL,
    failure_hint             mediumtext NOT NULL,
    failure_platform_code    mediumtext NOT NULL,
    failure_platform_message mediumtext NOT NULL,
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
    secret                   mediumtext NOT NULL, -- fingerprint of the app secret that worked last
    source                   mediumtext NOT NULL, -- names the registration the tokens were issued for
    current_box              mediumblob,
    previous_box             mediumblob,
    KEY records_changed (changed)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The last lease taken of each name. Rows stay, because terms never repeat.
CREATE TABLE IF NOT EXISTS leases (
    name     varbinary(2048) PRIMARY KEY,
    holder   varbinary(2048) NOT NULL,
    term     bigint NOT NULL,
    acquired bigint NOT NULL,
    expiry   bigint NOT NULL,
    released bigint NOT NULL -- 0: not released, so held or run out
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS apps (
    name    varbinary(2048) PRIMARY KEY,
    version bigint NOT NULL,
    spec    mediumtext NOT NULL, -- JSON
    sealed  mediumblob
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS clients (
    name    varbinary(2048) PRIMARY KEY,
    version bigint NOT NULL,
    spec    mediumtext NOT NULL, -- JSON
    sealed  mediumblob
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- When each app and client was put or deleted last. Rows stay when what they name has gone.
CREATE TABLE IF NOT EXISTS definition_changes (
    sort    varbinary(32)   NOT NULL, -- app or client
    name    varbinary(2048) NOT NULL,
    changed bigint NOT NULL,
    PRIMARY KEY (sort, name),
    KEY definition_changes_changed (changed)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS audit (
    id         bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at         bigint NOT NULL,
    client     varchar(255) NOT NULL,
    action     varchar(255) NOT NULL,
    app        varchar(255) NOT NULL,
    kind       varchar(255) NOT NULL,
    target     mediumtext NOT NULL,
    version    bigint NOT NULL,
    remote     mediumtext NOT NULL,
    request_id mediumtext NOT NULL,
    result     mediumtext NOT NULL,
    `count`    bigint NOT NULL, -- of reads that were put together
    KEY audit_client (client, id),
    KEY audit_app (app, id),
    KEY audit_action (action, id),
    KEY audit_app_action (app, action, id),
    KEY audit_at (at)
) /*T![auto_id_cache] AUTO_ID_CACHE 1 */ ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS settings (
    name  varbinary(2048) PRIMARY KEY,
    value mediumblob NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The servers that use this database.
CREATE TABLE IF NOT EXISTS members (
    name varbinary(2048) PRIMARY KEY,
    n    bigint NOT NULL, -- its last beat
    seen bigint NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
