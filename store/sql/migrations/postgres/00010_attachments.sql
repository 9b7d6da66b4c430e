-- What is attached to a mail is a document of its own, which has no path in the store but one in the mail.

-- +goose Up
ALTER TABLE documents ADD COLUMN attached_to TEXT COLLATE "C" NOT NULL DEFAULT ''; -- the mail's document in the same store; empty: none
ALTER TABLE documents ADD COLUMN attached_version INTEGER NOT NULL DEFAULT 0; -- the mail's newest version that has it
ALTER TABLE documents ADD COLUMN taken_apart INTEGER NOT NULL DEFAULT 0; -- 1: its newest text is without what is attached to it
DROP INDEX documents_path;
CREATE UNIQUE INDEX documents_path ON documents (store_id, path_key(path)) WHERE owned = 1 AND attached_to = '';
CREATE UNIQUE INDEX documents_attached ON documents (store_id, attached_to, path_key(path)) WHERE owned = 1 AND attached_to <> '';

-- Originals of attachments that are about to become documents of this version: they are in use.
CREATE TABLE expected (
    store_id    TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    version     INTEGER NOT NULL,
    sha256      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (store_id, document_id, version, sha256),
    FOREIGN KEY (store_id, document_id, version) REFERENCES versions (store_id, document_id, version) ON DELETE CASCADE
);
CREATE INDEX expected_sha256 ON expected (sha256);

-- +goose Down
DROP TABLE expected;
DROP INDEX documents_attached;
DROP INDEX documents_path;
CREATE UNIQUE INDEX documents_path ON documents (store_id, path_key(path)) WHERE owned = 1;
ALTER TABLE documents DROP COLUMN taken_apart;
ALTER TABLE documents DROP COLUMN attached_version;
ALTER TABLE documents DROP COLUMN attached_to;
