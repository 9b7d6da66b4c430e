-- What callers say of documents, for filters and permissions, and which groups a key reads as.

-- +goose Up
ALTER TABLE documents ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
ALTER TABLE documents ADD COLUMN allow TEXT NOT NULL DEFAULT '[]'; -- groups
ALTER TABLE documents ADD COLUMN described INTEGER NOT NULL DEFAULT 0; -- 1: the index knows what this row says
CREATE INDEX documents_undescribed ON documents (store_id, id) WHERE described = 0;

-- The keys of attributes, and the groups, of each document: to look them up.
CREATE TABLE document_keys (
    store_id    TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (store_id, document_id, name),
    FOREIGN KEY (store_id, document_id) REFERENCES documents (store_id, id) ON DELETE CASCADE
);
CREATE INDEX document_keys_name ON document_keys (store_id, name, document_id);

CREATE TABLE document_groups (
    store_id    TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (store_id, document_id, name),
    FOREIGN KEY (store_id, document_id) REFERENCES documents (store_id, id) ON DELETE CASCADE
);

ALTER TABLE keys ADD COLUMN reads_as TEXT NOT NULL DEFAULT 'null'; -- groups; null: reads everything

-- +goose Down
ALTER TABLE keys DROP COLUMN reads_as;
DROP TABLE document_groups;
DROP TABLE document_keys;
DROP INDEX documents_undescribed;
ALTER TABLE documents DROP COLUMN described;
ALTER TABLE documents DROP COLUMN allow;
ALTER TABLE documents DROP COLUMN attributes;
