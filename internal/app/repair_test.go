package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/llm/llmtest"
)

// victim is a store with one document, in which a test plants a fault.
type victim struct {
	store, document string // ids
	word            string
	cfg             configs.Config
}

// content of a victim: no other has its words.
func (v victim) content() string {
	return fmt.Sprintf("# Rules of %s\n\nThe %s desk opens on Wednesday.\n\n## Section\n\n%s\n", v.word, v.word, strings.Repeat("Whatever "+v.word+" says is done at once. ", 30))
}

func (v victim) original() string {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(v.content())))
	return filepath.Join(v.cfg.Server.DataDir, "files", sum[:2], sum)
}

// on runs statements on a database of the data directory.
func (v victim) on(t *testing.T, file string, do func(ctx context.Context, db *sql.DB)) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(v.cfg.Server.DataDir, file)+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)")
	require.NoError(t, err)
	do(t.Context(), db)
	require.NoError(t, db.Close())
}

func (v victim) library(t *testing.T, query string) { v.exec(t, "library.db", query, v.document) }

// index runs a statement in which TERMS is the store's full text and STORE its number.
func (v victim) index(t *testing.T, query string, args ...any) {
	v.exec(t, "index/index.db", v.named(t, query), args...)
}

func (v victim) named(t *testing.T, query string) string {
	t.Helper()
	var id int
	v.on(t, "index/index.db", func(ctx context.Context, db *sql.DB) {
		require.NoError(t, db.QueryRowContext(ctx, "SELECT id FROM store WHERE name = ?", v.store).Scan(&id))
	})
	return strings.NewReplacer("TERMS", fmt.Sprint("terms_", id), "STORE", fmt.Sprint(id)).Replace(query)
}

func (v victim) exec(t *testing.T, file, query string, args ...any) {
	t.Helper()
	v.on(t, file, func(ctx context.Context, db *sql.DB) {
		result, err := db.ExecContext(ctx, query, args...)
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		require.Positive(t, n, query)
	})
}

// flip turns one bit of a blob of one row.
func (v victim) flip(t *testing.T, table, column, where string, at int) {
	t.Helper()
	v.on(t, "index/index.db", func(ctx context.Context, db *sql.DB) {
		var id int64
		var raw []byte
		require.NoError(t, db.QueryRowContext(ctx, v.named(t, "SELECT id, "+column+" FROM "+table+" WHERE "+where+" LIMIT 1")).Scan(&id, &raw))
		raw[at%len(raw)] ^= 1
		_, err := db.ExecContext(ctx, v.named(t, "UPDATE "+table+" SET "+column+" = ? WHERE id = ?"), raw, id)
		require.NoError(t, err)
	})
}

const own = "id IN (SELECT id FROM chunk WHERE store = STORE)"

// fault is one that a test plants, and what verify calls it.
type fault struct {
	plant func(t *testing.T, v victim)
	kinds []string
	end   string // of the document after the repair; empty: ready
}

var planted = map[string]fault{
	"a bit of an original": {plant: func(t *testing.T, v victim) {
		raw, err := os.ReadFile(v.original())
		require.NoError(t, err)
		raw[20] ^= 1
		require.NoError(t, os.WriteFile(v.original(), raw, 0o600))
	}, kinds: []string{"missing_original"}, end: "lost, and answers"},
	"a missing original": {plant: func(t *testing.T, v victim) { require.NoError(t, os.Remove(v.original())) },
		kinds: []string{"missing_original"}, end: "lost, and answers"},
	"an original and a chunk": {plant: func(t *testing.T, v victim) {
		require.NoError(t, os.Remove(v.original()))
		v.library(t, "UPDATE chunks SET text = replace(text, 'Wednesday', 'Vednesday') WHERE document_id = ? AND seq = 0")
	}, kinds: []string{"missing_original", "bad_text", "bad_terms", "bad_frequencies"}, end: "lost"},
	"text of a chunk": {plant: func(t *testing.T, v victim) {
		v.library(t, "UPDATE chunks SET text = replace(text, 'Wednesday', 'Vednesday') WHERE document_id = ? AND seq = 0")
	}, kinds: []string{"bad_text", "bad_terms", "bad_frequencies"}},
	"header of a chunk": {plant: func(t *testing.T, v victim) {
		v.library(t, "UPDATE chunks SET header = header || 'x' WHERE document_id = ? AND seq = 0")
	}, kinds: []string{"bad_text", "bad_terms", "bad_frequencies"}},
	"heading of a chunk": {plant: func(t *testing.T, v victim) {
		v.library(t, "UPDATE chunks SET heading = '{' WHERE document_id = ? AND seq = 0")
	}, kinds: []string{"bad_text"}},
	"page of a chunk": {plant: func(t *testing.T, v victim) {
		v.library(t, "UPDATE chunks SET page = page + 1 WHERE document_id = ? AND seq = 0")
	}, kinds: []string{"bad_text"}},
	"text of a version": {plant: func(t *testing.T, v victim) {
		v.library(t, "UPDATE versions SET text = text || ' ' WHERE document_id = ?")
	}, kinds: []string{"bad_text"}},
	"a version that is gone": {plant: func(t *testing.T, v victim) {
		v.library(t, "DELETE FROM versions WHERE document_id = ?")
	}, kinds: []string{"missing_chunk", "ghost_entry"}},
	"a gap in the chunks": {plant: func(t *testing.T, v victim) {
		v.library(t, "DELETE FROM chunks WHERE document_id = ? AND seq = 1")
	}, kinds: []string{"missing_chunk", "ghost_entry", "bad_frequencies"}},
	"a bit of a vector": {plant: func(t *testing.T, v victim) { v.flip(t, "vector", "vector", own, 400) },
		kinds: []string{"bad_vector"}},
	"a bit of a quantised vector": {plant: func(t *testing.T, v victim) { v.flip(t, "chunk", "code", own, 60) },
		kinds: []string{"bad_vector"}},
	"terms of an entry": {plant: func(t *testing.T, v victim) {
		v.index(t, "UPDATE TERMS_content SET c0 = replace(c0, 'wednesday', 'vednesday')")
	}, kinds: []string{"bad_terms", "bad_index"}},
	"a list of the full text": {plant: func(t *testing.T, v victim) {
		v.on(t, "index/index.db", func(ctx context.Context, db *sql.DB) {
			var id int64
			var raw []byte
			require.NoError(t, db.QueryRowContext(ctx, v.named(t, "SELECT id, block FROM TERMS_data WHERE instr(block, CAST('ednesday' AS BLOB)) > 0 LIMIT 1")).Scan(&id, &raw))
			raw = bytes.Replace(raw, []byte("ednesday"), []byte("ednesdax"), 1)
			_, err := db.ExecContext(ctx, v.named(t, "UPDATE TERMS_data SET block = ? WHERE id = ?"), raw, id)
			require.NoError(t, err)
		})
	}, kinds: []string{"bad_index"}},
	"an entry that is gone": {plant: func(t *testing.T, v victim) {
		v.index(t, "DELETE FROM chunk WHERE store = STORE AND id = (SELECT max(id) FROM chunk WHERE store = STORE)")
	}, kinds: []string{"missing_entry", "bad_index"}},
	"a vector that is gone": {plant: func(t *testing.T, v victim) {
		v.index(t, "DELETE FROM vector WHERE id = (SELECT max(id) FROM chunk WHERE store = STORE)")
	}, kinds: []string{"missing_entry"}},
	"a ghost document": {plant: func(t *testing.T, v victim) {
		v.index(t, "INSERT INTO chunk (store, chunk, document, version, length, code) SELECT store, 'ghost', 'file-ghost', 1, 0, code FROM chunk WHERE store = STORE LIMIT 1")
		v.index(t, "INSERT INTO vector (id, vector) SELECT c.id, (SELECT vector FROM vector LIMIT 1) FROM chunk c WHERE c.chunk = 'ghost'")
	}, kinds: []string{"ghost_entry", "bad_vector", "bad_frequencies"}},
	"a ghost in a document": {plant: func(t *testing.T, v victim) {
		v.index(t, "UPDATE chunk SET chunk = 'phantom' WHERE id = (SELECT max(id) FROM chunk WHERE store = STORE)")
	}, kinds: []string{"ghost_entry", "missing_entry", "bad_vector"}},
	"a staged version that nobody makes": {plant: func(t *testing.T, v victim) {
		v.index(t, `INSERT INTO staged (store, chunk, document, version, terms, length, code, vector)
			SELECT c.store, 'leftover', c.document, 99, '', 0, c.code, v.vector FROM chunk c JOIN vector v ON v.id = c.id WHERE c.store = STORE LIMIT 1`)
	}, kinds: []string{"ghost_entry"}},
	"attributes": {plant: func(t *testing.T, v victim) {
		v.index(t, "UPDATE description SET mark = 'x' WHERE store = STORE")
	}, kinds: []string{"bad_attributes"}},
}

// TestVerifyFindsWhatRottedAndRepairs plants one fault in each of many stores:
// verify names each in its store and nothing in the sound one, --repair mends
// them, and after the workers made the documents anew verify finds nothing.
func TestVerifyFindsWhatRottedAndRepairs(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	victims, orphan := infest(t, cfg, planted)
	for name, p := range planted {
		p.plant(t, victims[name])
	}

	o, end := operator(t, cfg)
	audit, err := o.Verify(t.Context(), nil)
	require.NoError(t, err)
	requirePlanted(t, audit, victims, planted)
	r, err := o.Repair(t.Context(), nil)
	require.NoError(t, err)
	requirePlanted(t, r.Audit, victims, planted)
	require.False(t, r.OK(), "three originals are lost")
	require.Len(t, r.Lost, 3)
	require.Empty(t, r.Left)
	require.NoFileExists(t, orphan)
	end()

	s := start(t, cfg)
	for name, v := range victims {
		s.repaired(name, v, planted[name].end)
	}
	require.NoError(t, s.stop())
	o, end = operator(t, cfg)
	audit, err = o.Verify(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, audit.Faults)
	require.Equal(t, 3, audit.Lost)
	require.Zero(t, audit.Waiting)
	end()

	s = start(t, cfg) // the right bytes come back
	for name, v := range victims {
		if planted[name].end != "" {
			require.Equal(t, "ready", s.upload(name, "rules.md", v.content())[0].Status, name)
		}
	}
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))
}

// infest takes a document in for each fault, into a store of its own, and one
// that stays sound; and leaves an original that nothing refers to.
func infest(t *testing.T, cfg configs.Config, planted map[string]fault) (victims map[string]victim, orphan string) {
	t.Helper()
	s := start(t, cfg)
	victims = map[string]victim{}
	for i, name := range append([]string{"sound"}, slices.Sorted(maps.Keys(planted))...) {
		v := victim{word: "quorn" + string(rune('a'+i)) + "ik", cfg: cfg}
		d := s.upload(name, "rules.md", v.content())[0]
		require.Equal(t, "ready", d.Status, "%+v", d)
		var st struct{ ID string }
		s.json(http.MethodGet, "/v1/vector_stores/"+strings.ReplaceAll(name, " ", "%20"), nil, http.StatusOK, &st)
		v.document, v.store = d.ID, st.ID
		victims[name] = v
	}
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))
	orphan = filepath.Join(cfg.Server.DataDir, "files", "ab", "ab"+strings.Repeat("0", 62))
	require.NoError(t, os.MkdirAll(filepath.Dir(orphan), 0o700))
	require.NoError(t, os.WriteFile(orphan, []byte("left"), 0o600))
	return victims, orphan
}

// requirePlanted: each fault is named in its store, and none elsewhere.
func requirePlanted(t *testing.T, audit app.Audit, victims map[string]victim, planted map[string]fault) {
	t.Helper()
	got := map[string][]string{} // by store
	for _, f := range audit.Faults {
		if f.Kind == app.FaultOriginal { // names no store
			for _, v := range victims {
				if filepath.Base(v.original()) == f.Original {
					f.Store = v.store
				}
			}
		}
		got[f.Store] = append(got[f.Store], f.Kind)
	}
	for name, v := range victims {
		for _, kind := range planted[name].kinds {
			require.Contains(t, got[v.store], kind, name)
		}
		for _, kind := range got[v.store] {
			require.Contains(t, planted[name].kinds, kind, name)
		}
		delete(got, v.store)
	}
	delete(got, "vs_ghost")
	require.Contains(t, got[""], "orphan_original")
	require.Subset(t, []string{"orphan_original", "bad_index"}, got[""], "vectors of no chunk belong to no store")
	delete(got, "")
	require.Empty(t, got)
}

// repaired waits until the document has come to its end, and looks whether it answers.
func (s *server) repaired(name string, v victim, end string) {
	s.t.Helper()
	store := strings.ReplaceAll(name, " ", "%20")
	want := "ready"
	if end != "" {
		want = "failed"
	}
	var d document
	require.Eventually(s.t, func() bool {
		s.json(http.MethodGet, "/v1/documents/"+v.document+"?store="+store, nil, http.StatusOK, &d)
		return d.Status == want
	}, time.Minute, 50*time.Millisecond, name)
	var found struct {
		Data []struct {
			Content []struct{ Text string }
		}
	}
	s.json(http.MethodPost, "/v1/vector_stores/"+store+"/search", map[string]any{"query": "When does the " + v.word + " desk open?"}, http.StatusOK, &found)
	raw, err := json.Marshal(found)
	require.NoError(s.t, err)
	if end == "lost" {
		require.Empty(s.t, found.Data, name)
		require.Equal(s.t, "original_lost", d.Error.Code)
		return
	}
	require.Contains(s.t, string(raw), "The "+v.word+" desk opens on Wednesday.", name)
	if end != "" {
		require.Equal(s.t, "original_lost", d.Error.Code, name)
		require.Contains(s.t, d.Error.Message, "go on answering")
	}
}
