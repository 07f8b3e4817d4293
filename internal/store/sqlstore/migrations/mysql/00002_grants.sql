-- What users have granted apps. The parts of its key are bytes, because a platform may call
-- its users what it likes, and because users are listed in the order of bytes. Show them
-- with CONVERT(subject USING utf8mb4).

-- +goose Up

CREATE TABLE IF NOT EXISTS grants (
    app                      varbinary(255)  NOT NULL,
    subject                  varbinary(1536) NOT NULL, -- the user
    kind                     varbinary(1024) NOT NULL,
    version                  bigint NOT NULL,
    token                    bigint NOT NULL, -- version of the write that brought the access token
    union_id                 mediumtext NOT NULL,
    scope                    mediumtext NOT NULL, -- in the platform's words
    snapshot                 bigint NOT NULL, -- 1: the platform has made the user up
    authorized               bigint NOT NULL, -- when the user logged in
    issued                   bigint NOT NULL, -- of the access token; 0: there is none
    expiry                   bigint NOT NULL,
    deadline                 bigint NOT NULL, -- end of the refresh token; 0: there is none
    ended                    bigint NOT NULL, -- when the platform was seen to end the grant; 0: it has not
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
    claim_holder             mediumtext NOT NULL, -- who renews the access token just now
    claim_until              bigint NOT NULL,
    source                   mediumtext NOT NULL, -- names the registration that the user granted it to
    box                      mediumblob, -- none: there are no tokens any more
    PRIMARY KEY (app, subject, kind)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What is used once and soon: codes of logins, and those that were used.
CREATE TABLE IF NOT EXISTS one_time (
    name  varbinary(2048) PRIMARY KEY,
    value mediumblob NOT NULL,
    until bigint     NOT NULL,
    KEY one_time_until (until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
