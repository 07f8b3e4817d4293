-- The refresh token that brings the next token, where tokens are issued by one, and which
-- configured one it descends from. Servers of the version before write neither.

-- +goose Up

ALTER TABLE records
    ADD COLUMN seed        text NOT NULL DEFAULT '', -- fingerprint of the configured refresh token
    ADD COLUMN refresh_box bytea;
