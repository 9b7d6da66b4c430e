-- The ledger's generation, so that a search does not sum over all stores.

-- +goose Up
CREATE TABLE ledger_turns (
    part       INTEGER PRIMARY KEY, -- one row here
    generation BIGINT NOT NULL
);
INSERT INTO ledger_turns (part, generation) SELECT 0, COALESCE(SUM(generation), 0) FROM ledger_stores;
ALTER TABLE ledger_stores DROP COLUMN generation;

-- +goose Down
ALTER TABLE ledger_stores ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
DROP TABLE ledger_turns;
