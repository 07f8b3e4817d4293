-- The refresh token that brings the next token, where tokens are issued by one, and which
-- configured one it descends from. Servers of the version before write neither.
--
-- MySQL itself has no ADD COLUMN IF NOT EXISTS, and this has to run once more after a
-- server that ended half-way.

-- +goose Up

SET @refresh_columns = (
    SELECT count(*) FROM information_schema.columns
    WHERE table_schema = database() AND table_name = 'records' AND column_name = 'seed'
);
SET @add_refresh = IF(@refresh_columns > 0, 'DO 0',
    'ALTER TABLE records ADD COLUMN seed varchar(255) NOT NULL DEFAULT '''', ADD COLUMN refresh_box mediumblob');
PREPARE add_refresh FROM @add_refresh;
EXECUTE add_refresh;
DEALLOCATE PREPARE add_refresh;
