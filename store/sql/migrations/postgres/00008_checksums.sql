-- What texts and chunks were when they were written, so that bits that rot are found. NULL: from before.

-- +goose Up
ALTER TABLE versions ADD COLUMN checksum BIGINT;
ALTER TABLE chunks ADD COLUMN checksum BIGINT;

-- +goose Down
ALTER TABLE chunks DROP COLUMN checksum;
ALTER TABLE versions DROP COLUMN checksum;
