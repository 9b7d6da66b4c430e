CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Each store also has the FTS5 table terms_<id> and its vocabulary postings_<id>.
CREATE TABLE store (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    name   TEXT NOT NULL,
    UNIQUE (tenant, name)
);

-- What was upserted and is not published: nothing here can be found.
CREATE TABLE staged (
    store    INTEGER NOT NULL REFERENCES store (id),
    chunk    TEXT NOT NULL,
    document TEXT NOT NULL,
    version  INTEGER NOT NULL,
    terms    TEXT NOT NULL,    -- encoded, joined with spaces
    length   INTEGER NOT NULL, -- number of terms
    code     BLOB NOT NULL,    -- quantised vector, see quantise.go
    vector   BLOB NOT NULL,    -- float32, little endian
    sum      INTEGER,          -- ingest.Entry.Checksum; NULL: made before there were any
    PRIMARY KEY (store, chunk)
);
CREATE INDEX staged_document ON staged (store, document, version);

-- What can be found. Ids only grow, so they order the chunks in memory too.
CREATE TABLE chunk (
    id       INTEGER PRIMARY KEY AUTOINCREMENT, -- also the rowid in vector and terms_<store>
    store    INTEGER NOT NULL REFERENCES store (id),
    chunk    TEXT NOT NULL,
    document TEXT NOT NULL,
    version  INTEGER NOT NULL,
    length   INTEGER NOT NULL,
    code     BLOB NOT NULL,
    sum      INTEGER,
    UNIQUE (store, chunk)
);
CREATE INDEX chunk_document ON chunk (store, document, version);

-- Apart from chunk, because loading reads all of chunk and none of this.
CREATE TABLE vector (
    id     INTEGER PRIMARY KEY,
    vector BLOB NOT NULL
);
