package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/internal/apptest"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
	"groundwork/store/qdrant/qdranttest"
)

// TestMain lets the test binary be the parser child and a server to kill.
func TestMain(m *testing.M) {
	apptest.Child(serve)
	code := m.Run()
	if err := pgtest.Stop(); err != nil {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// config is the shipped configuration with a data directory of the test's own
// and the scripted model server in place of the real ones.
func config(t testing.TB, dir string, model *llmtest.Server) configs.Config {
	t.Helper()
	cfg, err := serveSettings{Dir: dir, Model: model.BaseURL()}.config()
	require.NoError(t, err)
	return cfg
}

func (s serveSettings) config() (configs.Config, error) {
	cfg, err := configs.Load("", os.Environ()) // the compiled PDF reader beside the models is shared
	cfg.Server.Listen, cfg.Server.DataDir = "127.0.0.1:0", s.Dir
	cfg.Parse.Memory = parserMemory
	cfg.Answer.Abstain = "off" // the scripted embedder's cosines mean nothing
	cfg.LLM.Chat.BaseURL, cfg.LLM.Chat.Model = s.Model, "test-chat"
	cfg.LLM.Embed.BaseURL, cfg.LLM.Embed.Model = s.Model, "test-embed"
	return cfg, err
}

// server is a running server.
type server struct {
	t    testing.TB
	url  string
	key  string
	stop func() error // ends it gracefully and waits; may be called once
}

// start runs a server until the end of the test.
func start(t testing.TB, cfg configs.Config) *server {
	t.Helper()
	return startLogging(t, cfg, nil)
}

// startLogging is start with a log.
func startLogging(t testing.TB, cfg configs.Config, log *slog.Logger) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	listening, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, cfg, app.Options{Version: "test", Log: log, OnListen: func(url string) { listening <- url }})
	}()
	s := &server{t: t}
	select {
	case s.url = <-listening:
	case err := <-ended:
		cancel()
		require.NoError(t, err)
		t.Fatal("the server ended at once")
	}
	stopped := false
	s.stop = func() error {
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if !stopped {
			require.NoError(t, s.stop())
		}
		cancel()
	})
	return s
}

func (s *server) do(method, path, contentType string, body io.Reader) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", contentType)
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	answer := resp.Body // resp would keep what was sent
	s.t.Cleanup(func() { answer.Close() })
	return resp
}

// json sends in and decodes the reply into out; the status must be want.
func (s *server) json(method, path string, in any, want int, out any) {
	s.t.Helper()
	var body io.Reader = http.NoBody
	if in != nil {
		raw, err := json.Marshal(in)
		require.NoError(s.t, err)
		body = bytes.NewReader(raw)
	}
	resp := s.do(method, path, "application/json", body)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, want, resp.StatusCode, "%s %s: %s", method, path, raw)
	if out != nil {
		require.NoError(s.t, json.Unmarshal(raw, out), "%s", raw)
	}
}

type document struct {
	ID, Filename, Status string
	Error                *struct{ Code, Message string }
}

// String says what became of it, and why.
func (d document) String() string {
	if d.Error == nil {
		return d.Filename + " " + d.Status
	}
	return fmt.Sprintf("%s %s: %+v", d.Filename, d.Status, *d.Error)
}

// upload sends files (name, content, …) into a store and waits until each is done.
func (s *server) upload(store string, files ...string) []document {
	s.t.Helper()
	body, contentType := form(s.t, store, files...)
	resp := s.do(http.MethodPost, "/v1/documents?wait=ready&timeout=600s", contentType, body)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	var reply struct{ Data []document }
	require.NoError(s.t, json.Unmarshal(raw, &reply), "%s", raw)
	return reply.Data
}

// form is an upload of files (name, content, …) into a store.
func form(t testing.TB, store string, files ...string) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	require.NoError(t, w.WriteField("store", store))
	for i := 0; i+1 < len(files); i += 2 {
		part, err := w.CreateFormFile("file", files[i])
		require.NoError(t, err)
		_, err = io.WriteString(part, files[i+1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return body, w.FormDataContentType()
}

// text is a document's text as code points.
func (s *server) text(id string) []rune {
	s.t.Helper()
	resp := s.do(http.MethodGet, "/v1/files/"+url.PathEscape(id)+"/text", "", http.NoBody)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, "%s", raw)
	return []rune(string(raw))
}

type completion struct {
	Choices []struct {
		Message struct {
			Content     string
			Annotations []struct {
				Type        string
				URLCitation struct {
					Start int `json:"start_index"`
					End   int `json:"end_index"`
					URL   string
				} `json:"url_citation"`
			}
		}
	}
	Usage struct {
		PromptTokens int `json:"prompt_tokens"`
		Details      struct {
			CachedTokens int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
	Groundwork struct {
		AnswerID    string `json:"answer_id"`
		Abstained   bool
		Fingerprint map[string]any
		Sources     []struct {
			Index      int
			DocumentID string `json:"document_id"`
			Start, End int
			Text       string
		}
		Citations []struct {
			Source     int
			DocumentID string `json:"document_id"`
			Start, End int
			Quote      string
			Verdict    string
		}
	}
}

// ask asks over a store, not streamed.
func (s *server) ask(model, question string) completion {
	s.t.Helper()
	var out completion
	s.json(http.MethodPost, "/v1/chat/completions", map[string]any{
		"model": model, "messages": []map[string]string{{"role": "user", "content": question}},
	}, http.StatusOK, &out)
	return out
}

// checkCitations holds every citation to the document's own text.
func (s *server) checkCitations(c completion) {
	s.t.Helper()
	for _, cite := range c.Groundwork.Citations {
		text := s.text(cite.DocumentID)
		require.Equal(s.t, cite.Quote, string(text[cite.Start:cite.End]))
		inside := false
		for _, src := range c.Groundwork.Sources {
			require.Equal(s.t, src.Text, string(s.text(src.DocumentID)[src.Start:src.End]))
			inside = inside || src.Index == cite.Source && src.DocumentID == cite.DocumentID && src.Start <= cite.Start && cite.End <= src.End
		}
		require.True(s.t, inside, "the citation lies in a passage that the model was given")
	}
}

// ready waits until /readyz says so.
func (s *server) ready(limit time.Duration) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, limit, 20*time.Millisecond)
}

// onBothPairs runs a test on the embedded stores, and beside that on PostgreSQL and Qdrant.
func onBothPairs(t *testing.T, run func(t *testing.T, cfg configs.Config)) {
	t.Helper()
	for name, cluster := range map[string]bool{"embedded": false, "PostgreSQL and Qdrant": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true}))
			if cluster {
				cfg.Store.SQL, cfg.Store.Index = configs.Secret(pgtest.URL(t)), "qdrant"
				cfg.Store.Qdrant.URL = qdranttest.StartOwn(t).URL
			}
			run(t, cfg)
		})
	}
}

func handbook(n int) string {
	return fmt.Sprintf("# Rule %d\n\nEmployees of unit %d get %d days of annual leave.\n\n## Travel\n\n%s\n", n, n, n, strings.Repeat("Trips are booked by the travel desk. ", n%7+1))
}
