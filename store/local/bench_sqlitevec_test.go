package local_test

import (
	"database/sql"
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite/vec" // the extension, translated to Go as SQLite is
)

// sqliteVec measures the usual way to keep vectors in SQLite, on the same data.
func (c *corpus) sqliteVec(b *testing.B, k int) {
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "vec.db"))
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`PRAGMA synchronous = OFF; CREATE VIRTUAL TABLE v USING vec0(embedding float[384] distance_metric=cosine)`)
	require.NoError(b, err)
	tx, err := db.Begin()
	require.NoError(b, err)
	for at := 0; at < len(c.vectors); at += benchDim {
		_, err := tx.Exec(`INSERT INTO v (rowid, embedding) VALUES (?, ?)`, at/benchDim+1, littleEndian(c.vectors[at:at+benchDim]))
		require.NoError(b, err)
	}
	require.NoError(b, tx.Commit())
	measure(b, func(n int) {
		var found int
		err := db.QueryRow(`SELECT count(*) FROM (SELECT rowid FROM v WHERE embedding MATCH ? AND k = ?)`,
			littleEndian(c.nearby[n%len(c.nearby)]), k).Scan(&found)
		require.NoError(b, err)
		require.Equal(b, k, found)
	})
}

func littleEndian(v []float32) []byte {
	out := make([]byte, 0, 4*len(v))
	for _, a := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(a))
	}
	return out
}
