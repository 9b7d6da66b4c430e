package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"groundwork/api"
	"groundwork/docs"
	"groundwork/rag"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of setup: by tenant, verbs and stores.
const (
	keyAdmin   = "gw_admin"   // default tenant
	keyAsk     = "gw_ask"     // default tenant, ask only
	keyWrite   = "gw_write"   // default tenant, write only
	keyLimited = "gw_limited" // default tenant, ask and write, store handbook only
	keyOther   = "gw_other"   // another tenant's admin
	keyNothing = "gw_nothing" // no verb at all
	keyOnly    = "gw_only"    // ask and write on a store that is not there yet
)

// bundle is a running interface over fakes.
type bundle struct {
	*httptest.Server
	api     *api.Server
	library *library
	asker   *asker
	models  *models
	log     *syncBuffer
	seen    chan api.Observation
}

// syncBuffer takes the log of concurrent requests.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// setup starts the interface with small limits; change alters what it is wired with.
func setup(t *testing.T, change ...func(*api.Deps, *api.Options)) *bundle {
	t.Helper()
	spec, err := docs.OpenAPI()
	require.NoError(t, err)
	b := &bundle{library: &library{bytes: map[string][]byte{}}, asker: &asker{}, models: &models{}, log: &syncBuffer{}, seen: make(chan api.Observation, 1000)}
	b.models.forward = func(_ context.Context, _, _, _ string, _ []byte) (*http.Response, error) {
		return upstream(200, `{"id":"up","object":"chat.completion","created":1,"model":"llama3.1:8b","choices":[]}`)
	}
	ask := []string{"ask"}
	keys := keyring{keys: map[string]rag.Principal{
		keyAdmin:   {Tenant: "default", KeyID: "key_1", Verbs: []string{"admin"}},
		keyAsk:     {Tenant: "default", KeyID: "key_2", Verbs: ask},
		keyWrite:   {Tenant: "default", KeyID: "key_3", Verbs: []string{"write"}},
		keyLimited: {Tenant: "default", KeyID: "key_4", Verbs: []string{"ask", "write"}, Stores: []string{"handbook"}},
		keyOther:   {Tenant: "other", KeyID: "key_5", Verbs: []string{"admin"}},
		keyNothing: {Tenant: "default", KeyID: "key_6"},
		keyOnly:    {Tenant: "default", KeyID: "key_7", Verbs: []string{"ask", "write"}, Stores: []string{"mine"}},
	}}
	n := 0
	var ids sync.Mutex
	d := api.Deps{Asker: b.asker, Replayer: b.asker, Models: b.models, Uploader: b.library, Documents: b.library, Contents: b.library, Stores: b.library, Batches: b.library, Receipts: b.library, Repeats: b.library, Keys: keys,
		Health:  health{{Name: "chat", OK: true, Detail: "on port 4711"}},
		Page:    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html>") }),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "up 1\n") }),
		Spec:    spec, Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: func() time.Time { return clock }, Observe: func(_ context.Context, o api.Observation) { b.seen <- o },
		NewID: func(prefix string) string { ids.Lock(); defer ids.Unlock(); n++; return fmt.Sprint(prefix, n) }}
	o := api.Options{Version: "v1", MaxJSON: 256 << 10, MaxJSONDepth: 64, MaxQuery: 8 << 10, MaxTokens: 4096, MaxFile: 64 << 10, MaxFiles: 3,
		Streams: 4, StreamsPerKey: 2, StreamIdle: time.Minute, StreamTotal: time.Minute, TempDir: t.TempDir()}
	for _, f := range change {
		f(&d, &o)
	}
	b.api = api.New(d, o)
	b.Server = httptest.NewServer(b.api)
	t.Cleanup(b.Close)
	_, err = b.library.CreateStore(t.Context(), "default", "handbook", nil) // vs_1
	require.NoError(t, err)
	_, err = b.library.CreateStore(t.Context(), "default", "board", nil) // vs_2
	require.NoError(t, err)
	_, err = b.library.CreateStore(t.Context(), "other", "handbook", nil) // vs_3
	require.NoError(t, err)
	return b
}

// ready puts a searchable document into a store of the default tenant.
func (b *bundle) ready(t *testing.T, store, path, text string) rag.Document {
	t.Helper()
	scope := rag.Scope{Tenant: "default", Store: store}
	doc, err := b.library.Upload(t.Context(), scope, rag.Upload{Path: path, MediaType: "text/plain", Body: strings.NewReader(text)})
	require.NoError(t, err)
	_, err = b.library.Wait(t.Context(), scope, []string{doc.ID}, 0)
	require.NoError(t, err)
	return doc
}

// result is what came back.
type result struct {
	status int
	header http.Header
	body   string
}

func (r result) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), r.body)
	return v
}

// problem is the error object of the envelope.
func (r result) problem(t *testing.T) map[string]any {
	t.Helper()
	e, ok := r.json(t)["error"].(map[string]any)
	require.True(t, ok, r.body)
	return e
}

// do sends a request and checks that the reply is as described.
func (b *bundle) do(t *testing.T, method, path, key, body string, header ...string) result {
	t.Helper()
	got, err := b.send(t.Context(), method, path, key, body, header...)
	require.NoError(t, err)
	if method != http.MethodHead && method != http.MethodOptions {
		conforms(t, method, path, got)
	}
	return got
}

// send is do without the checks, for goroutines beside the test's own.
func (b *bundle) send(ctx context.Context, method, path, key, body string, header ...string) (result, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.URL+path, strings.NewReader(body))
	if err != nil {
		return result{}, err
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	res, err := noRedirects.Do(req)
	if err != nil {
		return result{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return result{res.StatusCode, res.Header, string(data)}, err
}

// later sends a chat request in the background; wait gives its reply.
func (b *bundle) later(t *testing.T, key, body string) (wait func() result) {
	t.Helper()
	type outcome struct {
		result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		res, err := b.send(t.Context(), "POST", chatPath, key, body)
		done <- outcome{res, err}
	}()
	return func() result {
		t.Helper()
		got := <-done
		require.NoError(t, got.err)
		conforms(t, "POST", chatPath, got.result)
		return got.result
	}
}

var noRedirects = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// field is one part of a form; a file when filename is not empty.
type field struct{ name, value, filename string }

// form is a multipart body and its content type.
func form(t *testing.T, fields ...field) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		create := func() (io.Writer, error) { return w.CreateFormField(f.name) }
		if f.filename != "" {
			create = func() (io.Writer, error) { return w.CreateFormFile(f.name, f.filename) }
		}
		part, err := create()
		require.NoError(t, err)
		_, err = io.WriteString(part, f.value)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func (b *bundle) post(t *testing.T, path, key string, fields ...field) result {
	t.Helper()
	body, contentType := form(t, fields...)
	return b.do(t, "POST", path, key, body, "Content-Type", contentType)
}

// ask is a chat request over a store.
func ask(model, question string, more ...string) string {
	text, err := json.Marshal(question)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%s}]%s}`, model, text, strings.Join(more, ""))
}

const streamed = `,"stream":true,"stream_options":{"include_usage":true}`
