-- What deletions removed: counts, ids and the hash of the original, no text and no name.

-- +goose Up
CREATE TABLE receipts (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    store_id   TEXT NOT NULL, -- empty for a file
    object_id  TEXT NOT NULL, -- what was deleted
    sha256     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL, -- 0 while something may be left
    versions   INTEGER NOT NULL,
    passages   INTEGER NOT NULL,
    answers    INTEGER NOT NULL,
    chunks     INTEGER NOT NULL, -- of the index, as are the vectors
    vectors    INTEGER NOT NULL,
    originals  INTEGER NOT NULL,
    blobs      TEXT NOT NULL,   -- originals that are still to be deleted
    job_id     BIGINT NOT NULL  -- the sweep job
);
CREATE INDEX receipts_object ON receipts (tenant, object_id, created_at);
INSERT INTO receipts (id, tenant, store_id, object_id, sha256, created_at, deleted_at, versions, passages, answers, chunks, vectors, originals, blobs, job_id)
SELECT id, MIN(tenant), MIN(store_id), COALESCE(NULLIF(MIN(document_id), ''), MIN(store_id)), '', MIN(created_at), 0, 0, 0, 0, 0, 0, 0, '[]', MIN(job_id)
FROM removals GROUP BY id;

-- +goose Down
DROP TABLE receipts;
