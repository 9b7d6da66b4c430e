package app_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

// dossier is a document whose words no other document has.
type dossier struct {
	id, path, content, word string
}

func newDossier(n int) dossier {
	r := rand.New(rand.NewPCG(uint64(n), 7)) //nolint:gosec // the same in every run
	word := func() string {
		w := make([]byte, 12)
		for i := range w {
			w[i] = byte('a' + r.IntN(26))
		}
		return string(w)
	}
	d := dossier{path: "cases/" + word() + ".md", word: word()}
	var text strings.Builder
	fmt.Fprintf(&text, "# %s %s\n\n%s", word(), word(), d.word)
	for section := range 1 + n%3 {
		fmt.Fprintf(&text, "\n\n## %s of %d\n\n", word(), section)
		for range 40 + n%50 {
			text.WriteString(word() + " ")
		}
	}
	d.content = text.String()
	return d
}

// traces is what must not be left of documents: every 16 bytes of their texts,
// their words as the full text holds them, and their vectors in both forms.
type traces struct{ text, vector, code *needles }

func newTraces() traces { return traces{newNeedles(16), newNeedles(256), newNeedles(128)} }

// add takes the texts of d as the documents table gives them, and its entries as the index does.
func (x traces) add(t *testing.T, dir string, dossiers []dossier) {
	t.Helper()
	byID := map[string]bool{}
	for _, d := range dossiers {
		byID[d.id] = true
		x.text.add([]byte(d.content), 5)
		x.text.add([]byte(d.path), 1)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "index", "index.db")+"?mode=ro&_query_only=1")
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT c.document, c.code, v.vector FROM chunk c JOIN vector v ON v.id = c.id`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var document string
		var code, vector []byte
		require.NoError(t, rows.Scan(&document, &code, &vector))
		if byID[document] {
			x.code.add(code, 64)
			x.vector.add(vector, 128)
		}
	}
	require.NoError(t, rows.Err())
}

// left gives what dir and the log hold of it, by file, and how many needles that are.
func (x traces) left(t *testing.T, dir string, log []byte) (where map[string]int, n int) {
	t.Helper()
	where = map[string]int{}
	all := map[string]bool{}
	look := func(path string, raw []byte) {
		found := map[string]bool{}
		for _, kind := range []*needles{x.text, x.vector, x.code} {
			kind.in(raw, found)
		}
		for w := range found {
			all[w] = true
			where[filepath.Base(path)]++
		}
	}
	files(t, dir, look)
	look("log", log)
	return where, len(all)
}

func (x traces) count() int { return len(x.text.by) + len(x.vector.by) + len(x.code.by) }

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}

// TestDeletedDocumentsAreGoneFromEveryFile deletes half of the documents (of
// 60, or of 1,000 with GROUNDWORK_FAULTS=1) and looks for their texts, words and
// vectors at every byte of the data directory and of the log.
func TestDeletedDocumentsAreGoneFromEveryFile(t *testing.T) {
	t.Parallel()
	documents := 60
	if os.Getenv("GROUNDWORK_FAULTS") == "1" {
		documents = 1000
	}
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true}))
	cfg.Answer.Keep, cfg.Answer.KeepFor = 10_000, time.Hour
	var log lockedBuffer
	s := startLogging(t, cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	all := s.takeIn(documents)
	gone, kept := halves(all)
	answers := s.answers(gone, kept)
	erased, stays := newTraces(), newTraces()
	erased.add(t, cfg.Server.DataDir, gone)
	stays.add(t, cfg.Server.DataDir, kept)
	for _, x := range []traces{erased, stays} {
		_, n := x.left(t, cfg.Server.DataDir, nil)
		require.Equal(t, x.count(), n, "every needle is found before")
	}

	slowest := time.Duration(0)
	for _, d := range gone {
		began := time.Now()
		s.delete(d)
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("%d of %d documents deleted; the slowest receipt took %s", len(gone), len(all), slowest.Round(time.Millisecond))
	require.Less(t, slowest, time.Minute)
	where, n := erased.left(t, cfg.Server.DataDir, log.bytes())
	require.Zero(t, n, "of %d: %v", erased.count(), where)
	_, n = stays.left(t, cfg.Server.DataDir, nil)
	require.Equal(t, stays.count(), n, "what was kept is all there")
	s.forgotten(gone)
	s.remembered(kept)
	for answer, stays := range answers {
		want := http.StatusNotFound
		if stays {
			want = http.StatusOK
		}
		s.json(http.MethodPost, "/v1/answers/"+answer+"/replay", nil, want, nil)
	}

	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))
	where, n = erased.left(t, cfg.Server.DataDir, log.bytes())
	require.Zero(t, n, "of %d: %v", erased.count(), where)
	t.Logf("none of %d pieces of text and vectors is left", erased.count())
}

// takeIn uploads dossiers until each is searchable.
func (s *server) takeIn(n int) (all []dossier) {
	s.t.Helper()
	const atOnce = 20
	for from := 0; from < n; from += atOnce {
		var files []string
		for i := from; i < min(from+atOnce, n); i++ {
			d := newDossier(i)
			all = append(all, d)
			files = append(files, d.path, d.content)
		}
		for i, d := range s.upload("cases", files...) {
			all[from+i].id = d.ID
		}
	}
	require.Eventually(s.t, func() bool {
		var st struct {
			Counts struct{ Completed int } `json:"file_counts"`
		}
		s.json(http.MethodGet, "/v1/vector_stores/cases", nil, http.StatusOK, &st)
		return st.Counts.Completed == n
	}, 30*time.Minute, 100*time.Millisecond)
	return all
}

// halves are the documents to delete and those to keep.
func halves(all []dossier) (gone, kept []dossier) {
	for i, d := range all {
		if i%2 == 0 {
			gone = append(gone, d)
		} else {
			kept = append(kept, d)
		}
	}
	return gone, kept
}

// answers asks about some documents of each half: which answers are kept, and whether they may stay.
func (s *server) answers(gone, kept []dossier) (stay map[string]bool) {
	s.t.Helper()
	going := map[string]bool{}
	for _, d := range gone {
		going[d.id] = true
	}
	stay = map[string]bool{}
	for i := 0; i < len(kept); i += 10 {
		for _, d := range []dossier{gone[i], kept[i]} {
			a := s.ask("test-chat@cases", "What about "+d.word+"?")
			stay[a.Groundwork.AnswerID] = true
			for _, source := range a.Groundwork.Sources {
				if going[source.DocumentID] {
					stay[a.Groundwork.AnswerID] = false
				}
			}
		}
	}
	return stay
}

// delete deletes a document, and holds its receipt to what was there and to its own hash.
func (s *server) delete(d dossier) {
	s.t.Helper()
	var passages struct{ Data []struct{} }
	s.json(http.MethodGet, "/v1/documents/"+d.id+"/passages?store=cases", nil, http.StatusOK, &passages)
	var reply struct {
		ID         string
		Deleted    bool
		Groundwork struct{ Receipt map[string]any }
	}
	s.json(http.MethodDelete, "/v1/documents/"+d.id+"?store=cases", nil, http.StatusOK, &reply)
	require.True(s.t, reply.Deleted)
	receipt := reply.Groundwork.Receipt
	require.Equal(s.t, d.id, receipt["object_id"])
	require.Equal(s.t, fmt.Sprintf("%x", sha256.Sum256([]byte(d.content))), receipt["sha256"])
	require.NotNil(s.t, receipt["deleted_at"])
	removed := receipt["removed"].(map[string]any)
	n := float64(len(passages.Data))
	require.Positive(s.t, n)
	require.Equal(s.t, map[string]any{"chunks": n, "vectors": n}, removed["index"])
	require.Equal(s.t, map[string]any{"originals": 1.0}, removed["files"])
	library := removed["library"].(map[string]any)
	require.Equal(s.t, []any{1.0, n}, []any{library["versions"], library["passages"]})
	var again map[string]any
	s.json(http.MethodGet, "/v1/receipts/"+d.id, nil, http.StatusOK, &again)
	require.Equal(s.t, receipt, again)
	hash := receipt["hash"]
	delete(receipt, "hash")
	raw, err := json.Marshal(receipt)
	require.NoError(s.t, err)
	require.Equal(s.t, fmt.Sprintf("%x", sha256.Sum256(raw)), hash, "anyone can compute it")
}

// found are the documents that a search for a word finds.
func (s *server) found(query string) map[string]bool {
	s.t.Helper()
	var reply struct {
		Data []struct {
			FileID string `json:"file_id"`
		}
	}
	s.json(http.MethodPost, "/v1/vector_stores/cases/search", map[string]any{"query": query, "max_num_results": 50}, http.StatusOK, &reply)
	out := map[string]bool{}
	for _, hit := range reply.Data {
		out[hit.FileID] = true
	}
	return out
}

// forgotten: everything says 404 of the documents, and no list or search names them.
func (s *server) forgotten(gone []dossier) {
	s.t.Helper()
	listed := strings.Join(s.listed("cases"), "\n")
	for i, d := range gone {
		require.NotContains(s.t, listed, d.id)
		if i%20 > 0 {
			continue
		}
		id := url.PathEscape(d.id)
		for _, path := range []string{"/v1/documents/" + id + "?store=cases", "/v1/documents/" + id + "/passages?store=cases",
			"/v1/files/" + id, "/v1/files/" + id + "/content", "/v1/files/" + id + "/text", "/v1/vector_stores/cases/files/" + id} {
			s.json(http.MethodGet, path, nil, http.StatusNotFound, nil)
		}
		s.json(http.MethodDelete, "/v1/documents/"+id+"?store=cases", nil, http.StatusNotFound, nil)
		require.NotContains(s.t, s.found(d.word), d.id)
		for _, source := range s.ask("test-chat@cases", "What about "+d.word+"?").Groundwork.Sources {
			require.NotEqual(s.t, d.id, source.DocumentID)
		}
	}
}

// remembered: the documents are read and found as before.
func (s *server) remembered(kept []dossier) {
	s.t.Helper()
	listed := strings.Join(s.listed("cases"), "\n")
	for i, d := range kept {
		require.Contains(s.t, listed, d.id)
		if i%20 > 0 {
			continue
		}
		require.Equal(s.t, strings.TrimSpace(d.content), strings.TrimSpace(string(s.text(d.id))))
		require.Contains(s.t, s.found(d.word), d.id)
	}
}
