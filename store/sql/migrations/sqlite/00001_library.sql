-- Times are microseconds since 1970 UTC. JSON is text. Every row has its tenant.

-- +goose Up
CREATE TABLE stores (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    name       TEXT NOT NULL,
    metadata   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant, name)
);
CREATE INDEX stores_page ON stores (tenant, created_at, id);

CREATE TABLE files (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL,
    filename     TEXT NOT NULL,
    purpose      TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    bytes        BIGINT NOT NULL,
    media_type   TEXT NOT NULL,
    owned        INTEGER NOT NULL, -- 1: made with a document and goes with it
    last_version INTEGER NOT NULL, -- of any document of this file in any store; never given twice
    created_at   BIGINT NOT NULL
);
CREATE INDEX files_page ON files (tenant, created_at, id);
CREATE INDEX files_sha256 ON files (sha256);

CREATE TABLE documents (
    store_id     TEXT NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id           TEXT NOT NULL REFERENCES files (id),
    tenant       TEXT NOT NULL,
    path         TEXT NOT NULL,
    owned        INTEGER NOT NULL, -- 1: the path is its identity; 0: an attached file
    sha256       TEXT NOT NULL,
    bytes        BIGINT NOT NULL,
    media_type   TEXT NOT NULL,
    version      INTEGER NOT NULL,
    live_version INTEGER NOT NULL,
    state        TEXT NOT NULL,
    error_code   TEXT NOT NULL,
    error        TEXT NOT NULL,
    chunks       INTEGER NOT NULL,
    chunks_done  INTEGER NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (store_id, id)
);
CREATE UNIQUE INDEX documents_path ON documents (store_id, path) WHERE owned = 1;
CREATE INDEX documents_page ON documents (store_id, created_at, id);
CREATE INDEX documents_file ON documents (id);

-- How many documents a store holds and their bytes, kept by the triggers: a
-- question looks its store up and must not count.
CREATE TABLE tallies (
    store_id  TEXT NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    state     TEXT NOT NULL,
    documents INTEGER NOT NULL,
    bytes     BIGINT NOT NULL,
    PRIMARY KEY (store_id, state)
);
-- +goose StatementBegin
CREATE TRIGGER documents_added AFTER INSERT ON documents BEGIN
    INSERT INTO tallies (store_id, state, documents, bytes) VALUES (NEW.store_id, NEW.state, 1, NEW.bytes)
    ON CONFLICT (store_id, state) DO UPDATE SET documents = documents + 1, bytes = bytes + NEW.bytes;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER documents_changed AFTER UPDATE OF state, bytes ON documents BEGIN
    UPDATE tallies SET documents = documents - 1, bytes = bytes - OLD.bytes WHERE store_id = OLD.store_id AND state = OLD.state;
    INSERT INTO tallies (store_id, state, documents, bytes) VALUES (NEW.store_id, NEW.state, 1, NEW.bytes)
    ON CONFLICT (store_id, state) DO UPDATE SET documents = documents + 1, bytes = bytes + NEW.bytes;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER documents_removed AFTER DELETE ON documents BEGIN
    UPDATE tallies SET documents = documents - 1, bytes = bytes - OLD.bytes WHERE store_id = OLD.store_id AND state = OLD.state;
END;
-- +goose StatementEnd

CREATE TABLE versions (
    store_id    TEXT NOT NULL,
    document_id TEXT NOT NULL,
    version     INTEGER NOT NULL,
    tenant      TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    text        TEXT NOT NULL,
    PRIMARY KEY (store_id, document_id, version),
    FOREIGN KEY (store_id, document_id) REFERENCES documents (store_id, id) ON DELETE CASCADE
);
CREATE INDEX versions_sha256 ON versions (sha256);

CREATE TABLE chunks (
    id          TEXT NOT NULL,
    tenant      TEXT NOT NULL,
    store_id    TEXT NOT NULL,
    document_id TEXT NOT NULL,
    version     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    start_at    INTEGER NOT NULL, -- code points in the version's text, end exclusive
    end_at      INTEGER NOT NULL,
    page        INTEGER NOT NULL,
    heading     TEXT NOT NULL,
    header      TEXT NOT NULL,
    text        TEXT NOT NULL,
    PRIMARY KEY (store_id, id),
    UNIQUE (store_id, document_id, version, seq),
    FOREIGN KEY (store_id, document_id, version) REFERENCES versions (store_id, document_id, version) ON DELETE CASCADE
);

-- Batches of chunks that are not in the index yet.
CREATE TABLE batches (
    store_id    TEXT NOT NULL,
    document_id TEXT NOT NULL,
    version     INTEGER NOT NULL,
    tenant      TEXT NOT NULL,
    from_seq    INTEGER NOT NULL,
    to_seq      INTEGER NOT NULL,
    PRIMARY KEY (store_id, document_id, version, from_seq),
    FOREIGN KEY (store_id, document_id, version) REFERENCES versions (store_id, document_id, version) ON DELETE CASCADE
);

-- Deletions of which the index may still hold something. An empty document_id means the whole store.
CREATE TABLE removals (
    id          TEXT NOT NULL,
    tenant      TEXT NOT NULL,
    store_id    TEXT NOT NULL,
    document_id TEXT NOT NULL,
    job_id      BIGINT NOT NULL, -- its sweep job
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (id, store_id, document_id)
);
CREATE INDEX removals_target ON removals (store_id, document_id);

CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    name       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE, -- hex SHA-256 of the token
    verbs      TEXT NOT NULL,
    stores     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX keys_tenant ON keys (tenant, created_at, id);

-- +goose Down
DROP TABLE keys;
DROP TABLE removals;
DROP TABLE batches;
DROP TABLE chunks;
DROP TABLE versions;
DROP TABLE tallies;
DROP TABLE documents;
DROP TABLE files;
DROP TABLE stores;
