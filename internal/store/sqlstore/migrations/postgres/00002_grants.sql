-- What users have granted apps. The parts of its key are bytes, because a platform may call
-- its users what it likes, and because users are listed in the order of bytes, whatever the
-- database's collation. Show them with encode(subject, 'escape'); a search for
-- subject = 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M' finds them as it is.

-- +goose Up

CREATE TABLE grants (
    app                      bytea  NOT NULL,
    subject                  bytea  NOT NULL, -- the user
    kind                     bytea  NOT NULL,
    version                  bigint NOT NULL,
    token                    bigint NOT NULL, -- version of the write that brought the access token
    union_id                 text   NOT NULL,
    scope                    text   NOT NULL, -- in the platform's words
    snapshot                 bigint NOT NULL, -- 1: the platform has made the user up
    authorized               bigint NOT NULL, -- when the user logged in
    issued                   bigint NOT NULL, -- of the access token; 0: there is none
    expiry                   bigint NOT NULL,
    deadline                 bigint NOT NULL, -- end of the refresh token; 0: there is none
    ended                    bigint NOT NULL, -- when the platform was seen to end the grant; 0: it has not
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
    claim_holder             text   NOT NULL, -- who renews the access token just now
    claim_until              bigint NOT NULL,
    source                   text   NOT NULL, -- names the registration that the user granted it to
    box                      bytea, -- none: there are no tokens any more
    PRIMARY KEY (app, subject, kind)
);

-- What is used once and soon: codes of logins, and those that were used.
CREATE TABLE one_time (
    name  bytea  PRIMARY KEY,
    value bytea  NOT NULL,
    until bigint NOT NULL
);
CREATE INDEX one_time_until ON one_time (until);
