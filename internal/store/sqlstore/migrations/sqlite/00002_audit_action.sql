-- Searching the audit for an action reads no entries of other actions: those of reads
-- are many, all others few.

-- +goose Up

CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_app_action ON audit (app, action, id);
