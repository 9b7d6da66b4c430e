package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
)

// TestReplacedUnderLoad changes a document again and again (30 times, or 200
// with GROUNDWORK_FAULTS=1) while it is searched and asked about: every reply
// comes from one version and holds all of it, and a version that cannot be read
// leaves the one before answering.
func TestReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	versions := 30
	if os.Getenv("GROUNDWORK_FAULTS") == "1" {
		versions = 200
	}
	onBothPairs(t, func(t *testing.T, cfg configs.Config) { replaceUnderLoad(t, cfg, versions) })
}

// edition is version n of the document: wherever it is cut, each part says which it is of.
func edition(n int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# Rules, edition e%04dq\n", n)
	for part := range 5 {
		fmt.Fprintf(&text, "\n## Part %s\n\nThe rules of annual leave in edition e%04dq: ", word(part), n)
		for i := range 120 {
			if i%12 == 0 {
				fmt.Fprintf(&text, "e%04dq ", n)
			}
			text.WriteString(word(part*1000+i) + " ")
		}
	}
	return text.String()
}

// protected is a document that no parser opens.
var protected = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 1000) +
	"E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"

func replaceUnderLoad(t *testing.T, cfg configs.Config, versions int) {
	t.Helper()
	s := start(t, cfg)
	d := s.upload("rules", "rules.md", edition(1))[0]
	require.Equal(t, "ready", d.Status, "%+v", d)
	var passages struct{ Data []struct{} }
	s.json(http.MethodGet, "/v1/documents/"+d.ID+"/passages?store=rules", nil, http.StatusOK, &passages)
	require.Greater(t, len(passages.Data), 4)

	w := watchers{url: s.url, parts: len(passages.Data), newest: make([]atomic.Int64, 3), looks: make([]atomic.Int64, 3)}
	ctx, cancel := context.WithCancel(t.Context())
	w.run(ctx, t)
	broken := versions / 2
	for n := 2; n <= versions; n++ {
		content, want := edition(n), "ready"
		if n == broken {
			content, want = protected, "failed"
		}
		got := s.upload("rules", "rules.md", content)[0]
		require.Equal(t, want, got.Status, "%+v", got)
		if n == broken {
			require.Equal(t, "encrypted", got.Error.Code)
			w.more(t)
			for i := range w.newest {
				require.LessOrEqual(t, w.newest[i].Load(), int64(n-1), "the version before goes on answering")
			}
		}
	}
	w.more(t)
	cancel()
	w.done.Wait()
	t.Logf("%d versions, %d replies (%.0f a second), each from one whole version", versions, w.replies.Load(), float64(w.replies.Load())/time.Since(w.began).Seconds())
	for i := range w.newest {
		require.Equal(t, int64(versions), w.newest[i].Load())
	}
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))
}

// watchers ask all the time, each in its own way.
type watchers struct {
	url     string
	parts   int // of each version
	newest  []atomic.Int64
	looks   []atomic.Int64 // replies of each
	replies atomic.Int64
	began   time.Time
	done    sync.WaitGroup
}

var marker = regexp.MustCompile(`e(\d{4})q`)

func (w *watchers) run(ctx context.Context, t *testing.T) {
	w.began = time.Now()
	for i, ask := range []func(context.Context) (texts []string, whole bool, err error){
		w.search("annual leave"), w.search("annual leave", "rules of the edition"), w.chat,
	} {
		w.done.Go(func() {
			for ctx.Err() == nil {
				texts, whole, err := ask(ctx)
				if ctx.Err() != nil {
					return
				}
				if err == nil {
					err = w.look(i, texts, whole)
				}
				if err != nil {
					t.Errorf("watcher %d: %v", i, err)
					return
				}
				w.replies.Add(1)
				w.looks[i].Add(1)
			}
		})
	}
}

// more waits until each watcher had two more replies: the second was asked for after more was called.
func (w *watchers) more(t *testing.T) {
	t.Helper()
	for i := range w.looks {
		before := w.looks[i].Load()
		require.Eventually(t, func() bool { return w.looks[i].Load() >= before+2 }, time.Minute, 10*time.Millisecond)
	}
}

// look holds one reply to: one version, all of it when it is to be whole, none older than seen before.
func (w *watchers) look(i int, texts []string, whole bool) error {
	if whole && len(texts) != w.parts || len(texts) == 0 {
		return fmt.Errorf("%d parts instead of %d", len(texts), w.parts)
	}
	seen := map[string]bool{}
	for _, text := range texts {
		for _, m := range marker.FindAllStringSubmatch(text, -1) {
			seen[m[1]] = true
		}
	}
	if len(seen) != 1 {
		return fmt.Errorf("%d versions in one reply: %v", len(seen), seen)
	}
	for m := range seen {
		var n int64
		if _, err := fmt.Sscanf(m, "%d", &n); err != nil {
			return err
		}
		if before := w.newest[i].Swap(n); n < before {
			return fmt.Errorf("version %d after %d", n, before)
		}
	}
	return nil
}

func (w *watchers) search(queries ...string) func(context.Context) ([]string, bool, error) {
	return func(ctx context.Context) (texts []string, whole bool, err error) {
		var reply struct {
			Data []struct {
				Content []struct{ Text string }
			}
		}
		err = w.post(ctx, "/v1/vector_stores/rules/search", map[string]any{"query": queries, "max_num_results": 50}, &reply)
		for _, hit := range reply.Data {
			for _, c := range hit.Content {
				texts = append(texts, c.Text)
			}
		}
		return texts, true, err
	}
}

// chat asks the model; the answer, its sources and its quotes are one reply.
func (w *watchers) chat(ctx context.Context) (texts []string, whole bool, err error) {
	var reply completion
	err = w.post(ctx, "/v1/chat/completions", map[string]any{"model": "test-chat@rules",
		"messages": []map[string]string{{"role": "user", "content": "What are the rules of annual leave in this edition?"}}}, &reply)
	for _, source := range reply.Groundwork.Sources {
		texts = append(texts, source.Text)
	}
	for _, c := range reply.Groundwork.Citations {
		texts = append(texts, c.Quote)
	}
	for _, c := range reply.Choices {
		texts = append(texts, c.Message.Content)
	}
	return texts, false, err
}

func (w *watchers) post(ctx context.Context, path string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status + ": " + string(raw))
	}
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	return err
}
