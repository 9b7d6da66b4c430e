-- +goose Up
-- The documents on their way: each upload counts them.
CREATE INDEX documents_waiting ON documents (tenant) WHERE state IN ('queued', 'parsing', 'embedding');

-- +goose Down
DROP INDEX documents_waiting;
