package app_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/llm/llmtest"
)

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// echo stands before a model server; when told to, it refuses with the request
// itself in its error, as some servers do.
func echo(t *testing.T, model *llmtest.Server) (base string, status *atomic.Int64) {
	t.Helper()
	target, err := url.Parse(model.URL)
	require.NoError(t, err)
	pass := httputil.NewSingleHostReverseProxy(target)
	status = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := int(status.Load())
		if code == 0 || r.Method != http.MethodPost || r.URL.Path == "/tokenize" {
			pass.ServeHTTP(w, r)
			return
		}
		raw, _ := io.ReadAll(r.Body)
		w.WriteHeader(code)
		text := strings.NewReplacer(`"`, "'", `\`, "/").Replace(string(raw))
		_, _ = io.WriteString(w, `{"error":{"message":"cannot do `+text+`","type":"invalid"}}`)
	}))
	t.Cleanup(s.Close)
	return s.URL, status
}

// The markers that are planted, one for each kind of content.
const (
	inQuestion = "zebraquestion"
	inDocument = "zebradocument"
	inAnswer   = "zebraanswer"
	inName     = "zebraname"
	inKey      = "zebrakey"
	inRequest  = "zebrarequest" // in paths, queries, parameters and bodies that are refused
)

// TestNoContentInLogsMetricsAndTraces plants markers in everything that people
// send, lets things succeed and fail, and looks for them in all that operators see.
func TestNoContentInLogsMetricsAndTraces(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "The " + inAnswer + " is 12 days of annual leave."}
	}})
	base, status := echo(t, model)
	spans, log := startCollector(t), &syncBuffer{}
	cfg := config(t, t.TempDir(), model)
	cfg.LLM.Chat.BaseURL, cfg.LLM.Embed.BaseURL = base+"/v1", base+"/v1"
	cfg.Telemetry.OTLPEndpoint, cfg.Ingest.Attempts = spans.url, 1
	s := startLogging(t, cfg, app.Logger(log, configs.Log{Level: "debug", Format: "json"}))

	docs := s.upload("h", inName+".md", "# "+inDocument+"\n\nThe "+inDocument+" says 12 days of annual leave.",
		inName+".pdf", "%PDF-1.4 "+inDocument, inName+".bin", "\x00\x01\x02"+inDocument+"\xff\xfe\x00", inName+".txt", "")
	require.Equal(t, "ready", docs[0].Status)
	id := s.everyQuestion()
	for _, code := range []int64{http.StatusBadRequest, http.StatusInternalServerError} {
		status.Store(code)
		s.everyQuestion()
	}
	status.Store(http.StatusBadRequest)
	failed := s.upload("h", inName+"2.md", "The other "+inDocument+" says nothing.")
	require.Equal(t, "failed", failed[0].Status)
	status.Store(0)
	s.everyNonsense()
	metrics := s.get("/metrics")
	require.NoError(t, s.stop())

	lines := log.String()
	require.Contains(t, lines, id, "answers are logged with their id")
	require.Contains(t, lines, docs[0].ID, "documents are logged with their id")
	require.Contains(t, lines, `"trace":"`)
	require.Contains(t, lines, `"level":"DEBUG"`)
	require.NotEmpty(t, spans.raw)
	exported := string(bytes.Join(spans.raw, nil))
	require.Contains(t, exported, id)
	for _, marker := range []string{inQuestion, inDocument, inAnswer, inName, inKey, inRequest} {
		for place, text := range map[string]string{"logs": lines, "metrics": metrics, "spans": exported} {
			if at := strings.Index(text, marker); at >= 0 {
				t.Errorf("%s is in the %s: …%s…", marker, place, text[max(0, at-300):min(len(text), at+100)])
			}
		}
	}
}

func (s *server) get(path string) string {
	s.t.Helper()
	raw, err := io.ReadAll(s.do(http.MethodGet, path, "", http.NoBody).Body)
	require.NoError(s.t, err)
	return string(raw)
}

// everyQuestion asks in every way and gives the id of the first answer.
func (s *server) everyQuestion() (id string) {
	s.t.Helper()
	const messages = `"messages":[{"role":"user","content":"How many days of annual leave, ` + inQuestion + `?"}],"stop":["` + inRequest + `"]`
	for _, body := range []string{
		`{"model":"test-chat@h",` + messages + `}`,
		`{"model":"test-chat@h","stream":true,` + messages + `}`,
		`{"model":"test-chat",` + messages + `}`,
		`{"model":"test-chat","stream":true,` + messages + `}`,
	} {
		raw := s.send("/v1/chat/completions", body)
		if _, rest, ok := strings.Cut(raw, `"id":"ans_`); ok && id == "" {
			id, _, _ = strings.Cut("ans_"+rest, `"`)
		}
	}
	s.send("/v1/embeddings", `{"model":"test-embed","input":"`+inQuestion+`"}`)
	s.send("/v1/search", `{"store":"h","query":"annual leave of `+inQuestion+`"}`)
	return id
}

// everyNonsense sends what is refused.
func (s *server) everyNonsense() {
	s.t.Helper()
	s.send("/v1/chat/completions", `{"model":"test-chat@`+inRequest+`","messages":[]}`)
	s.send("/v1/chat/completions", `{"model": `+inRequest)
	s.send("/v1/chat/completions", `{"model":"test-chat@h","`+inRequest+`":1,"messages":[{"role":"user","content":"x"}]}`)
	s.send("/v1/"+inRequest, `{}`)
	s.get("/v1/files/" + inRequest)
	s.get("/v1/documents?store=" + inRequest)
	s.key = "gw_" + inKey
	s.get("/v1/models")
	s.key = ""
}

func (s *server) send(path, body string) string {
	s.t.Helper()
	raw, err := io.ReadAll(s.do(http.MethodPost, path, "application/json", strings.NewReader(body)).Body)
	require.NoError(s.t, err)
	return string(raw)
}
