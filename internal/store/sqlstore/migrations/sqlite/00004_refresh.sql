-- The refresh token that brings the next token, where tokens are issued by one, and which
-- configured one it descends from.

-- +goose Up

ALTER TABLE records ADD COLUMN seed TEXT NOT NULL DEFAULT ''; -- fingerprint of the configured refresh token
ALTER TABLE records ADD COLUMN refresh_box BLOB;
