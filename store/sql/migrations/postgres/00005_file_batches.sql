-- Files that were attached together. How far they are is their documents' state.

-- +goose Up
CREATE TABLE file_batches (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    store_id   TEXT NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    cancelled  INTEGER NOT NULL -- 1: somebody cancelled it
);
CREATE INDEX file_batches_store ON file_batches (store_id);

CREATE TABLE file_batch_files (
    batch_id TEXT NOT NULL REFERENCES file_batches (id) ON DELETE CASCADE,
    file_id  TEXT NOT NULL,
    PRIMARY KEY (batch_id, file_id)
);

-- +goose Down
DROP TABLE file_batch_files;
DROP TABLE file_batches;
