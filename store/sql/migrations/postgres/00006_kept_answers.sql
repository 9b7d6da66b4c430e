-- Answers with what made them, to be made again (answer.keep). They hold questions and passages, and go with their store and documents.

-- +goose Up
CREATE TABLE kept_answers (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    store_id   TEXT NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    body       TEXT NOT NULL
);
CREATE INDEX kept_answers_age ON kept_answers (tenant, created_at);
CREATE INDEX kept_answers_store ON kept_answers (store_id);

CREATE TABLE kept_answer_documents (
    answer_id   TEXT NOT NULL REFERENCES kept_answers (id) ON DELETE CASCADE,
    store_id    TEXT NOT NULL,
    document_id TEXT NOT NULL,
    PRIMARY KEY (answer_id, document_id)
);
CREATE INDEX kept_answer_documents_document ON kept_answer_documents (store_id, document_id);

-- +goose Down
DROP TABLE kept_answer_documents;
DROP TABLE kept_answers;
