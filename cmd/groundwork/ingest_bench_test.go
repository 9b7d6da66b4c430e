package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

// pacedEmbedder is a model server that embeds one text after the other, each
// in the same time, as a real one on a CPU does. It adds up how long it works.
type pacedEmbedder struct {
	next http.Handler
	each time.Duration

	mu   sync.Mutex // held while it works
	busy time.Duration
	done int // texts
}

func (p *pacedEmbedder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/embeddings" {
		p.next.ServeHTTP(w, r)
		return
	}
	raw, err := io.ReadAll(r.Body)
	var body struct{ Input []string }
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	p.work(len(body.Input))
	p.next.ServeHTTP(w, r)
}

func (p *pacedEmbedder) work(texts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	began := time.Now()
	if p.each > 0 {
		<-time.After(time.Duration(texts) * p.each)
	}
	p.busy += time.Since(began)
	p.done += texts
}

func (p *pacedEmbedder) worked() (time.Duration, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busy, p.done
}

// ingestBench is a server in a process of its own, and a folder to sync with it.
type ingestBench struct {
	shell
	embedder *pacedEmbedder
	server   *exec.Cmd
	folder   string
}

var listensAt = regexp.MustCompile(`listens at (\S+)`)

func newIngestBench(b *testing.B, each time.Duration) *ingestBench {
	b.Helper()
	fake, err := llmtest.New(llmtest.Options{KeepNothing: true})
	require.NoError(b, err)
	b.Cleanup(fake.Close)
	i := &ingestBench{embedder: &pacedEmbedder{next: fake, each: each}, folder: b.TempDir()}
	front := httptest.NewServer(i.embedder)
	b.Cleanup(front.Close)
	dir := b.TempDir()
	environ := append(os.Environ(), "HOME="+dir, "GROUNDWORK_SERVER__DATA_DIR="+dir, "GROUNDWORK_SERVER__LISTEN=127.0.0.1:0", "GROUNDWORK_LOG__LEVEL=error",
		"GROUNDWORK_LLM__CHAT__BASE_URL="+front.URL+"/v1", "GROUNDWORK_LLM__CHAT__MODEL=test-chat",
		"GROUNDWORK_LLM__EMBED__BASE_URL="+front.URL+"/v1", "GROUNDWORK_LLM__EMBED__MODEL=test-embed")
	exe, err := os.Executable()
	require.NoError(b, err)
	i.server = exec.Command(exe, "serve")
	i.server.Env = slices.Concat(environ, []string{beMain + "=1"})
	stderr, err := i.server.StderrPipe()
	require.NoError(b, err)
	require.NoError(b, i.server.Start())
	b.Cleanup(func() {
		_ = i.server.Process.Signal(os.Interrupt)
		_ = i.server.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !listensAt.MatchString(lines.Text()) {
	}
	require.Regexp(b, listensAt, lines.Text())
	go io.Copy(io.Discard, stderr)
	i.shell = shell{b, environ}
	return i
}

// fill writes documents from..to, of so many sections that each make a chunk, as if an hour ago.
func (i *ingestBench) fill(from, to, sections int, edition string) {
	i.t.Helper()
	for n := from; n < to; n++ {
		var doc strings.Builder
		for s := range sections {
			fmt.Fprintf(&doc, "# Rule %d of unit %d\n\n%s\n", s, n, strings.Repeat(fmt.Sprintf("In edition %s the unit %d books trips of kind %d at the travel desk. ", edition, n, s), 7))
		}
		path := filepath.Join(i.folder, fmt.Sprintf("unit-%02d", n%100), fmt.Sprintf("rules-%05d.md", n))
		require.NoError(i.t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(i.t, os.WriteFile(path, []byte(doc.String()), 0o600))
		require.NoError(i.t, os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)))
	}
}

// sync runs `groundwork ingest --sync` and tells how long it took and how long the embedder worked.
func (i *ingestBench) sync(ready int) (took, busy time.Duration, chunks int) {
	i.t.Helper()
	before, texts := i.embedder.worked()
	began := time.Now()
	out, err := i.run("ingest", "--sync", i.folder, "--store", "h", "--json")
	require.NoError(i.t, err, out)
	took = time.Since(began)
	var r result
	require.NoError(i.t, json.Unmarshal([]byte(out), &r))
	require.Equal(i.t, ready, r.Ready)
	after, all := i.embedder.worked()
	return took, after - before, all - texts
}

// BenchmarkIngest syncs a folder with a server whose embedding model takes as
// long as the real one does on two cores, then syncs it again with one file in a hundred changed.
func BenchmarkIngest(b *testing.B) {
	const documents, sections = 300, 6
	for range b.N {
		i := newIngestBench(b, time.Second/30)
		i.fill(0, documents, sections, "one")
		took, busy, chunks := i.sync(documents)
		i.fill(0, documents/100, sections, "two")
		again, _, _ := i.sync(documents)
		none, _, _ := i.sync(documents)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(chunks)/documents, "chunks/document")
		b.ReportMetric(took.Seconds(), "s_full")
		b.ReportMetric(100*busy.Seconds()/took.Seconds(), "%_embedder_busy")
		b.ReportMetric(100*(took-busy).Seconds()/took.Seconds(), "%_all_else")
		b.ReportMetric(100*again.Seconds()/took.Seconds(), "%_1%_changed")
		b.ReportMetric(100*none.Seconds()/took.Seconds(), "%_unchanged")
	}
}

// BenchmarkIngestMany takes in as many documents as GROUNDWORK_BENCH_DOCUMENTS
// says (10,000), with a model that takes no time, and tells the server's resident memory on the way.
func BenchmarkIngestMany(b *testing.B) {
	documents := 10_000
	if n, err := strconv.Atoi(os.Getenv("GROUNDWORK_BENCH_DOCUMENTS")); err == nil {
		documents = n
	}
	for range b.N {
		i := newIngestBench(b, 0)
		b.ReportMetric(0, "ns/op")
		began, before := time.Now(), 0
		for _, share := range []int{10, 5, 2, 1} { // a tenth first
			n := documents / share
			i.fill(before, n, 1, "one")
			i.sync(n)
			before = n
			b.Logf("%d documents after %.0f s: %.0f MB resident", n, time.Since(began).Seconds(), i.resident(b))
			b.ReportMetric(i.resident(b), fmt.Sprintf("MB_at_%d", n))
		}
		b.ReportMetric(float64(documents)/time.Since(began).Seconds(), "documents/s")
		i.fill(0, documents/100, 1, "two")
		again, _, _ := i.sync(documents)
		b.ReportMetric(100*again.Seconds()/time.Since(began).Seconds(), "%_1%_changed")
	}
}

func (i *ingestBench) resident(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", i.server.Process.Pid))
	if err != nil {
		b.Logf("resident memory is not known here: %v", err)
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	require.NoError(b, err)
	return float64(pages*os.Getpagesize()) / (1 << 20)
}
