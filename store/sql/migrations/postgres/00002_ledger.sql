-- What an index outside cannot keep in step: which version of a document is
-- searchable, and how many chunks of a store hold a term. It refers to nothing
-- in the library, which forgets a document before its index does.

-- +goose Up
-- A change locks its store's row first: changes of one store come one after the other.
CREATE TABLE ledger_stores (
    tenant     TEXT COLLATE "C" NOT NULL,
    store_id   TEXT COLLATE "C" NOT NULL,
    chunks     BIGINT NOT NULL, -- searchable ones
    generation BIGINT NOT NULL, -- rises with each change; that of the ledger is their sum
    PRIMARY KEY (tenant, store_id)
) WITH (fillfactor = 50);

CREATE TABLE ledger_documents (
    tenant      TEXT COLLATE "C" NOT NULL,
    store_id    TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    version     INTEGER NOT NULL, -- the searchable one
    chunks      INTEGER NOT NULL,
    terms       BYTEA NOT NULL,  -- what the version added to ledger_terms
    PRIMARY KEY (tenant, store_id, document_id)
);
ALTER TABLE ledger_documents ALTER COLUMN terms SET STORAGE EXTERNAL; -- it is compact already

CREATE TABLE ledger_terms (
    tenant   TEXT COLLATE "C" NOT NULL,
    store_id TEXT COLLATE "C" NOT NULL,
    term     BIGINT NOT NULL,
    chunks   BIGINT NOT NULL, -- that hold the term
    PRIMARY KEY (tenant, store_id, term)
) WITH (fillfactor = 70);

-- +goose Down
DROP TABLE ledger_terms;
DROP TABLE ledger_documents;
DROP TABLE ledger_stores;
