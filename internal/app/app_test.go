package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/internal/app"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func TestUploadSearchAskCite(t *testing.T) {
	t.Parallel()
	s := start(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	docs := s.upload("handbook", "leave.md", handbook(30), "notes.txt", "The badge office opens on Wednesday.", "page.html", "<h1>Canteen</h1><p>Lunch costs 6 euros.</p>")
	for _, d := range docs {
		require.Equal(t, "ready", d.Status, "%+v", d)
	}
	a := s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 30 get?")
	require.NotEmpty(t, a.Groundwork.Sources)
	require.NotEmpty(t, a.Groundwork.Citations)
	require.NotEmpty(t, a.Choices[0].Message.Annotations)
	s.checkCitations(a)

	again := s.upload("handbook", "leave.md", handbook(30))
	require.Equal(t, docs[0].ID, again[0].ID, "the same file twice is one document")

	replaced := s.upload("handbook", "leave.md", strings.ReplaceAll(handbook(30), "annual", "yearly"))
	require.Equal(t, docs[0].ID, replaced[0].ID)
	require.Contains(t, string(s.text(docs[0].ID)), "yearly")
	a = s.ask("test-chat@handbook", "How many days of yearly leave do employees of unit 30 get?")
	s.checkCitations(a)
	for _, src := range a.Groundwork.Sources {
		require.NotContains(t, src.Text, "annual")
	}
}

func TestStreamedAnswerEqualsThePlainOne(t *testing.T) {
	t.Parallel()
	s := start(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	s.upload("h", "leave.md", handbook(12))
	plain := s.ask("test-chat@h", "How many days of annual leave?")
	body := `{"model":"test-chat@h","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"How many days of annual leave?"}]}`
	resp := s.do(http.MethodPost, "/v1/chat/completions", "application/json", strings.NewReader(body))
	require.Equal(t, "text/event-stream", strings.Split(resp.Header.Get("Content-Type"), ";")[0])
	require.NotEmpty(t, resp.Header.Get("Server-Timing"))
	var text, last string
	usage := false
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		last = data
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
			Usage   *struct{}
		}
		if data != "[DONE]" {
			require.NoError(t, json.Unmarshal([]byte(data), &chunk))
		}
		usage = usage || chunk.Usage != nil
		for _, c := range chunk.Choices {
			text += c.Delta.Content
		}
	}
	require.Equal(t, "[DONE]", last)
	require.True(t, usage)
	require.Equal(t, plain.Choices[0].Message.Content, text)
}

func TestBadFilesFailWithACodeAndLeaveTheRest(t *testing.T) {
	t.Parallel()
	s := start(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	got := map[string]string{}
	for _, d := range s.upload("h", "good.md", handbook(3), "empty.md", "", "broken.pdf", "%PDF-1.4 nothing", "blob.bin", "\x00\x01\x02\x03\xff\xfe\x00\x80binary\x00\x00", "../../x", "escape") {
		code := d.Status
		if d.Error != nil {
			code = d.Error.Code
			require.NotEmpty(t, d.Error.Message)
		}
		got[d.Filename] = code
	}
	require.Equal(t, "ready", got["good.md"])
	require.Equal(t, "empty_file", got["empty.md"])
	require.Equal(t, "invalid_file", got["broken.pdf"])
	require.Equal(t, "unsupported_file", got["blob.bin"])
	s.checkCitations(s.ask("test-chat@h", "How many days of annual leave?"))
}

func TestRequestsBeforeTheModelIsThereSayWhatToDo(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{})
	cfg := config(t, t.TempDir(), model)
	s := start(t, cfg)
	s.upload("h", "leave.md", handbook(3))
	model.Close()
	var reply struct {
		Error struct{ Code, Message string }
	}
	s.json(http.MethodPost, "/v1/chat/completions", map[string]any{"model": "test-chat@h", "messages": []map[string]string{{"role": "user", "content": "leave?"}}},
		http.StatusServiceUnavailable, &reply)
	require.Equal(t, "unavailable", reply.Error.Code)
	s.json(http.MethodGet, "/healthz", nil, http.StatusOK, nil)
	resp := s.do(http.MethodGet, "/readyz", "", http.NoBody)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
}

func TestClientThatHangsUpStopsTheGeneration(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "word ", Endless: true, Pace: 20 * time.Millisecond}
	}})
	s := start(t, config(t, t.TempDir(), model))
	s.upload("h", "leave.md", handbook(3))
	for _, name := range []string{"test-chat@h", "test-chat"} {
		ctx, cancel := context.WithCancel(t.Context())
		body := `{"model":"` + name + `","stream":true,"messages":[{"role":"user","content":"annual leave?"}]}`
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/chat/completions", strings.NewReader(body))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		awaitText(t, resp.Body, "word") // the sources come before the model is asked
		cancel()
		resp.Body.Close()
		select {
		case <-model.Cancelled():
		case <-time.After(10 * time.Second):
			t.Fatal("the model server goes on writing")
		}
	}
}

func TestStopEndsOpenStreamsWithAFinalEvent(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "word ", Endless: true, Pace: 20 * time.Millisecond}
	}})
	cfg := config(t, t.TempDir(), model)
	cfg.Server.ShutdownGrace = 6 * time.Second
	s := start(t, cfg)
	s.upload("h", "leave.md", handbook(3))
	resp := s.do(http.MethodPost, "/v1/chat/completions", "application/json",
		strings.NewReader(`{"model":"test-chat@h","stream":true,"messages":[{"role":"user","content":"annual leave?"}]}`))
	awaitText(t, resp.Body, "word")
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.True(t, strings.Contains(string(raw), `"error"`), "the stream ends with an error event")
	require.False(t, strings.Contains(string(raw), "[DONE]"), "and not as if it were complete")
	require.NoError(t, <-ended)
}

func TestOneServerADataDirectory(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	s := start(t, cfg)
	err := app.Run(t.Context(), cfg, app.Options{})
	require.ErrorContains(t, err, "already works on")
	at, running := app.Locate(cfg.Server.DataDir)
	require.True(t, running)
	require.Equal(t, s.url, at.URL)
	require.NoError(t, s.stop())
	_, running = app.Locate(cfg.Server.DataDir)
	require.False(t, running)
}

func TestKeysCloseTheDoor(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	s := start(t, cfg)
	s.json(http.MethodGet, "/v1/models", nil, http.StatusOK, nil)
	keys, closeKeys, err := app.OpenKeys(t.Context(), cfg)
	require.NoError(t, err)
	defer closeKeys()
	key, token, err := keys.CreateKey(t.Context(), rag.Key{Tenant: rag.DefaultTenant, Name: "app", Verbs: []string{"ask"}})
	require.NoError(t, err)

	s.json(http.MethodGet, "/v1/models", nil, http.StatusUnauthorized, nil)
	s.key = token
	s.json(http.MethodGet, "/v1/models", nil, http.StatusOK, nil)
	s.json(http.MethodPost, "/v1/vector_stores", map[string]any{"name": "x"}, http.StatusForbidden, nil)
	_, err = keys.RevokeKey(t.Context(), rag.DefaultTenant, key.ID)
	require.NoError(t, err)
	s.json(http.MethodGet, "/v1/models", nil, http.StatusUnauthorized, nil)

	at, _ := app.Locate(cfg.Server.DataDir)
	s.key = at.Token
	s.json(http.MethodGet, "/v1/models", nil, http.StatusOK, nil)
}

func TestWithoutKeysOnlyTheLoopback(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.Server.Listen = "0.0.0.0:0"
	require.ErrorContains(t, app.Run(t.Context(), cfg, app.Options{}), "keys create")
}

// awaitText reads lines of a stream until one holds text.
func awaitText(t *testing.T, body io.Reader, text string) {
	t.Helper()
	for lines := bufio.NewReader(body); ; {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		if strings.Contains(line, text) {
			return
		}
	}
}

func TestQuestionsGoOnWithoutTheBucket(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.Store.Files = "s3://originals?endpoint=http://127.0.0.1:1&region=us-east-1&use_path_style=true"
	cfg.Store.FilesAccessKey, cfg.Store.FilesSecretKey = "key", "secret"
	s := start(t, cfg)
	s.ready(time.Minute)
	var r struct{ Checks []api.Check }
	s.json(http.MethodGet, "/readyz", nil, http.StatusOK, &r)
	for _, c := range r.Checks {
		require.Equal(t, c.Name != "files", c.OK, "%+v", c)
		require.Equal(t, c.Name == "files", c.Minor, "%+v", c)
	}
}
