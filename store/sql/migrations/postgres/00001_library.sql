-- Times are microseconds since 1970 UTC. JSON is text. Every row has its
-- tenant. Text compares by its bytes, as in SQLite.

-- +goose Up
CREATE TABLE stores (
    id         TEXT COLLATE "C" PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    metadata   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant, name)
);
CREATE INDEX stores_page ON stores (tenant, created_at, id);

CREATE TABLE files (
    id           TEXT COLLATE "C" PRIMARY KEY,
    tenant       TEXT COLLATE "C" NOT NULL,
    filename     TEXT COLLATE "C" NOT NULL,
    purpose      TEXT NOT NULL,
    sha256       TEXT COLLATE "C" NOT NULL,
    bytes        BIGINT NOT NULL,
    media_type   TEXT NOT NULL,
    owned        INTEGER NOT NULL, -- 1: made with a document and goes with it
    last_version INTEGER NOT NULL, -- of any document of this file in any store; never given twice
    created_at   BIGINT NOT NULL
);
CREATE INDEX files_page ON files (tenant, created_at, id);
CREATE INDEX files_sha256 ON files (sha256);

CREATE TABLE documents (
    store_id     TEXT COLLATE "C" NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    id           TEXT COLLATE "C" NOT NULL REFERENCES files (id),
    tenant       TEXT COLLATE "C" NOT NULL,
    path         TEXT COLLATE "C" NOT NULL,
    owned        INTEGER NOT NULL, -- 1: the path is its identity; 0: an attached file
    sha256       TEXT COLLATE "C" NOT NULL,
    bytes        BIGINT NOT NULL,
    media_type   TEXT NOT NULL,
    version      INTEGER NOT NULL,
    live_version INTEGER NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    error_code   TEXT NOT NULL,
    error        TEXT NOT NULL,
    chunks       INTEGER NOT NULL,
    chunks_done  INTEGER NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (store_id, id)
);
-- A path may be longer than an index entry, so the index holds its hash. The
-- encoding of the database never changes, which makes the function immutable.
CREATE FUNCTION path_key(TEXT) RETURNS BYTEA LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT pg_catalog.sha256(pg_catalog.convert_to($1, 'UTF8')) $$;
CREATE UNIQUE INDEX documents_path ON documents (store_id, path_key(path)) WHERE owned = 1;
CREATE INDEX documents_page ON documents (store_id, created_at, id);
CREATE INDEX documents_file ON documents (id);
-- The documents on their way: each upload counts them.
CREATE INDEX documents_waiting ON documents (tenant) WHERE state IN ('queued', 'parsing', 'embedding');

-- How many documents a store holds and their bytes, kept by the triggers: a
-- question looks its store up and must not count. Every connection adds to one
-- of eight rows, so that workers seldom wait for each other; a row may be
-- negative, their sum is right. Rows are changed in the order of the states,
-- so that nobody waits in a circle.
CREATE TABLE tallies (
    store_id  TEXT COLLATE "C" NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
    state     TEXT COLLATE "C" NOT NULL,
    part      INTEGER NOT NULL,
    documents BIGINT NOT NULL,
    bytes     BIGINT NOT NULL,
    PRIMARY KEY (store_id, state, part)
) WITH (fillfactor = 50);
-- +goose StatementBegin
CREATE FUNCTION tally() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    store TEXT;
BEGIN
    IF TG_OP = 'DELETE' THEN
        store := OLD.store_id;
        IF NOT EXISTS (SELECT 1 FROM stores WHERE id = store) THEN -- it goes with its store
            RETURN NULL;
        END IF;
    ELSE
        store := NEW.store_id;
    END IF;
    INSERT INTO tallies AS t (store_id, state, part, documents, bytes)
    SELECT store, c.state, pg_backend_pid() % 8, SUM(c.documents), SUM(c.bytes)
    FROM (SELECT NEW.state AS state, 1 AS documents, NEW.bytes AS bytes WHERE TG_OP <> 'DELETE'
          UNION ALL SELECT OLD.state, -1, -OLD.bytes WHERE TG_OP <> 'INSERT') AS c
    GROUP BY c.state ORDER BY c.state
    ON CONFLICT (store_id, state, part) DO UPDATE SET documents = t.documents + EXCLUDED.documents, bytes = t.bytes + EXCLUDED.bytes;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER documents_added AFTER INSERT OR DELETE ON documents FOR EACH ROW EXECUTE FUNCTION tally();
CREATE TRIGGER documents_changed AFTER UPDATE OF state, bytes ON documents FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.bytes <> NEW.bytes) EXECUTE FUNCTION tally();

CREATE TABLE versions (
    store_id    TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    version     INTEGER NOT NULL,
    tenant      TEXT COLLATE "C" NOT NULL,
    sha256      TEXT COLLATE "C" NOT NULL,
    text        TEXT NOT NULL,
    PRIMARY KEY (store_id, document_id, version),
    FOREIGN KEY (store_id, document_id) REFERENCES documents (store_id, id) ON DELETE CASCADE
);
CREATE INDEX versions_sha256 ON versions (sha256);

CREATE TABLE chunks (
    id          TEXT COLLATE "C" NOT NULL,
    tenant      TEXT COLLATE "C" NOT NULL,
    store_id    TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
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
    store_id    TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    version     INTEGER NOT NULL,
    tenant      TEXT COLLATE "C" NOT NULL,
    from_seq    INTEGER NOT NULL,
    to_seq      INTEGER NOT NULL,
    PRIMARY KEY (store_id, document_id, version, from_seq),
    FOREIGN KEY (store_id, document_id, version) REFERENCES versions (store_id, document_id, version) ON DELETE CASCADE
);

-- Deletions of which the index may still hold something. An empty document_id means the whole store.
CREATE TABLE removals (
    id          TEXT COLLATE "C" NOT NULL,
    tenant      TEXT COLLATE "C" NOT NULL,
    store_id    TEXT COLLATE "C" NOT NULL,
    document_id TEXT COLLATE "C" NOT NULL,
    job_id      BIGINT NOT NULL, -- its sweep job
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (id, store_id, document_id)
);
CREATE INDEX removals_target ON removals (store_id, document_id);

CREATE TABLE keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    name       TEXT NOT NULL,
    hash       TEXT COLLATE "C" NOT NULL UNIQUE, -- hex SHA-256 of the token
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
DROP FUNCTION tally();
DROP FUNCTION path_key(TEXT);
DROP TABLE files;
DROP TABLE stores;
