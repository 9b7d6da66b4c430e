-- Answers to requests that came with an Idempotency-Key, to be given again when the request is repeated.

-- +goose Up
CREATE TABLE repeats (
    caller      TEXT NOT NULL, -- tenant and key
    name        TEXT NOT NULL, -- the Idempotency-Key
    fingerprint TEXT NOT NULL, -- of the request
    status      INTEGER NOT NULL,
    body        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (caller, name)
);
CREATE INDEX repeats_age ON repeats (created_at);

-- +goose Down
DROP TABLE repeats;
