-- How often a step of the newest version ended in an error, and what it waits for.

-- +goose Up
ALTER TABLE documents ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE documents DROP COLUMN waits_for;
ALTER TABLE documents DROP COLUMN attempts;
