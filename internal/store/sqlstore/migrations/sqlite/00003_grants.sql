-- What users have granted apps. The parts of its key are bytes, because a platform may call
-- its users what it likes, and because users are listed in the order of bytes. Search with
-- CAST('o6_bmjrPTlm6_2sgVt7hMZOPfL2M' AS BLOB).

-- +goose Up

CREATE TABLE grants (
    id                       INTEGER PRIMARY KEY,
    app                      BLOB    NOT NULL,
    subject                  BLOB    NOT NULL, -- the user
    kind                     BLOB    NOT NULL,
    version                  INTEGER NOT NULL,
    token                    INTEGER NOT NULL, -- version of the write that brought the access token
    union_id                 TEXT    NOT NULL,
    scope                    TEXT    NOT NULL, -- in the platform's words
    snapshot                 INTEGER NOT NULL, -- 1: the platform has made the user up
    authorized               INTEGER NOT NULL, -- when the user logged in
    issued                   INTEGER NOT NULL, -- of the access token; 0: there is none
    expiry                   INTEGER NOT NULL,
    deadline                 INTEGER NOT NULL, -- end of the refresh token; 0: there is none
    ended                    INTEGER NOT NULL, -- when the platform was seen to end the grant; 0: it has not
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
    claim_holder             TEXT    NOT NULL, -- who renews the access token just now
    claim_until              INTEGER NOT NULL,
    source                   TEXT    NOT NULL, -- names the registration that the user granted it to
    box                      BLOB -- none: there are no tokens any more
) STRICT;
CREATE UNIQUE INDEX grants_key ON grants (app, subject, kind);

-- What is used once and soon: codes of logins, and those that were used.
CREATE TABLE one_time (
    id    INTEGER PRIMARY KEY,
    name  BLOB    NOT NULL,
    value BLOB    NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_time_name ON one_time (name);
CREATE INDEX one_time_until ON one_time (until);
