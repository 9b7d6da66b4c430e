-- What an index outside cannot keep in step: which version of a document is
-- searchable, and how many chunks of a store hold a term. It refers to nothing
-- in the library, which forgets a document before its index does.

-- +goose Up
CREATE TABLE ledger_stores (
    tenant     TEXT NOT NULL,
    store_id   TEXT NOT NULL,
    chunks     BIGINT NOT NULL, -- searchable ones
    generation BIGINT NOT NULL, -- rises with each change; that of the ledger is their sum
    PRIMARY KEY (tenant, store_id)
);

CREATE TABLE ledger_documents (
    tenant      TEXT NOT NULL,
    store_id    TEXT NOT NULL,
    document_id TEXT NOT NULL,
    version     INTEGER NOT NULL, -- the searchable one
    chunks      INTEGER NOT NULL,
    terms       BLOB NOT NULL,   -- what the version added to ledger_terms
    PRIMARY KEY (tenant, store_id, document_id)
);

CREATE TABLE ledger_terms (
    tenant   TEXT NOT NULL,
    store_id TEXT NOT NULL,
    term     BIGINT NOT NULL,
    chunks   BIGINT NOT NULL, -- that hold the term
    PRIMARY KEY (tenant, store_id, term)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE ledger_terms;
DROP TABLE ledger_documents;
DROP TABLE ledger_stores;
