// Package llmtest is the one fake model of the project: a server that speaks
// the OpenAI protocol the way llama.cpp's server and the project's embedding
// server do, with deterministic embeddings, scripted answers and faults.
//
// It needs no testing.TB, so a whole application can be started against it.
// Nothing in it waits for time to pass unless a Reply or a Fault asks for it.
package llmtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Flavour is the server whose extra routes are imitated.
type Flavour string

// The flavours. LlamaCPP has /props, /slots, /tokenize and timings; VLLM has
// max_model_len and its own /tokenize; Ollama has /api/show and no tokenizer;
// TEI reranks at /rerank, in a shape of its own, and the first two at /v1/rerank.
const (
	LlamaCPP Flavour = "llama.cpp"
	VLLM     Flavour = "vllm"
	Ollama   Flavour = "ollama"
	TEI      Flavour = "tei"
)

// Options shape the fake; the zero value is a llama.cpp server without a key.
type Options struct {
	Addr          string // default 127.0.0.1:0
	Flavour       Flavour
	ChatModel     string // default test-chat
	EmbedModel    string // default test-embed
	Dimensions    int    // default 384
	ContextTokens int    // default 8192
	Slots         int    // generations at once, the others wait as they do in llama.cpp; default 64
	APIKey        string // when set, everything but /health wants it
	QueryPrefix   string // left out of what is embedded; default bge's
	Ftype         string // llama.cpp's word for the quantisation; default Q4_K - Medium
	Adapters      []string
	MixesAdapters bool // misbehaves: its prompt cache takes one adapter's state for another's
	OtherVectors  bool // embeds as another model would
	CutsAt        int  // misbehaves: reads no more prompt tokens than this, and answers without a word; 0: all
	PrefillPerSec float64
	DecodePerSec  float64
	KeepNothing   bool // Requests stays empty: for long runs under load
	// Reply scripts the answers; default Extract.
	Reply func(Request) Reply
}

func (o Options) withDefaults() Options {
	text := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	text(&o.Addr, "127.0.0.1:0")
	text((*string)(&o.Flavour), string(LlamaCPP))
	text(&o.ChatModel, "test-chat")
	text(&o.EmbedModel, "test-embed")
	text(&o.Ftype, "Q4_K - Medium")
	text(&o.QueryPrefix, "Represent this sentence for searching relevant passages: ")
	if o.Dimensions == 0 {
		o.Dimensions = 384
	}
	if o.ContextTokens == 0 {
		o.ContextTokens = 8192
	}
	if o.Slots == 0 {
		o.Slots = 64
	}
	if o.PrefillPerSec == 0 {
		o.PrefillPerSec = 1000
	}
	if o.DecodePerSec == 0 {
		o.DecodePerSec = 50
	}
	if o.Reply == nil {
		o.Reply = Extract
	}
	return o
}

// Server is a running fake.
type Server struct {
	URL string // http://127.0.0.1:port, without /v1

	opts      Options
	http      *http.Server
	done      chan struct{}
	closing   sync.Once
	handlers  sync.WaitGroup
	cancelled chan Request
	slots     chan struct{} // holds one for each generation

	mu       sync.Mutex
	requests []Request
	faults   []Fault
	last     []int  // tokens of the last prompt: the prefix cache
	lastOf   string // the adapter that it was computed with
}

// New starts a server; the caller closes it.
func New(opts Options) (*Server, error) {
	opts = opts.withDefaults()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Server{
		URL: "http://" + l.Addr().String(), opts: opts,
		done: make(chan struct{}), cancelled: make(chan Request, 256),
		slots: make(chan struct{}, opts.Slots),
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.handlers.Go(func() {
		if err := s.http.Serve(l); err != http.ErrServerClosed {
			panic(err) // the listener is ours: nothing else can end Serve
		}
	})
	return s, nil
}

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Start starts a server that lives as long as the test.
func Start(tb TB, opts Options) *Server {
	tb.Helper()
	s, err := New(opts)
	if err != nil {
		tb.Fatalf("start the fake model server: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// BaseURL is what an OpenAI client wants: URL with /v1.
func (s *Server) BaseURL() string { return s.URL + "/v1" }

// StartMany starts n servers of the same options that live as long as the test.
func StartMany(tb TB, n int, opts Options) []*Server {
	tb.Helper()
	out := make([]*Server, n)
	for i := range out {
		out[i] = Start(tb, opts)
	}
	return out
}

// Close drops every connection, as a process that is killed does, and waits for
// the handlers. It may be called twice.
func (s *Server) Close() {
	s.die()
	s.handlers.Wait()
}

func (s *Server) die() {
	s.closing.Do(func() {
		s.mu.Lock()
		close(s.done)
		s.mu.Unlock()
		// The listener and all connections are closed whatever the error says.
		_ = s.http.Close()
	})
}

// Busy is the number of generations under way; those that wait for a slot do not count.
func (s *Server) Busy() int { return len(s.slots) }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, "invalid_request_error", "the body is too large")
		return
	}
	req := s.record(r, body)
	if r.URL.Path == "/health" {
		if !s.faulty(w, r, req) {
			writeJSON(w, map[string]string{"status": "ok"})
		}
		return
	}
	if s.opts.APIKey != "" && r.Header.Get("Authorization") != "Bearer "+s.opts.APIKey {
		fail(w, http.StatusUnauthorized, "authentication_error", "Invalid API Key")
		return
	}
	if s.faulty(w, r, req) {
		return
	}
	if h := s.route(r.Method + " " + r.URL.Path); h != nil {
		h(w, r, req)
		return
	}
	fail(w, http.StatusNotFound, "not_found_error", "File Not Found")
}

// enter counts a handler in, unless the server is closing.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return false
	default:
		s.handlers.Add(1)
		return true
	}
}

type handler func(http.ResponseWriter, *http.Request, Request)

func (s *Server) route(pattern string) handler {
	switch pattern {
	case "GET /v1/models":
		return s.models
	case "POST /v1/chat/completions", "POST /v1/completions":
		return s.generate
	case "POST /v1/embeddings":
		return s.embeddings
	}
	switch s.opts.Flavour + " " + Flavour(pattern) {
	case "llama.cpp POST /v1/rerank", "vllm POST /v1/rerank", "tei POST /rerank":
		return s.rerank
	case "llama.cpp GET /props":
		return s.props
	case "llama.cpp GET /slots":
		return s.slotList
	case "llama.cpp GET /lora-adapters":
		return s.adapters
	case "llama.cpp POST /apply-template":
		return s.applyTemplate
	case "llama.cpp POST /tokenize", "vllm POST /tokenize":
		return s.tokenize
	case "ollama POST /api/show":
		return s.show
	}
	return nil
}

// wait pauses for d; false when the client or the server went away first.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	case <-s.done:
		return false
	}
}

// hang waits until the client or the server goes away.
func (s *Server) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.done:
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, "server_error", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(raw) // the client may have left; nobody else to tell
}

func fail(w http.ResponseWriter, status int, kind, message string) {
	failWith(w, status, map[string]any{"code": status, "message": message, "type": kind})
}

func failWith(w http.ResponseWriter, status int, e map[string]any) {
	raw, _ := json.Marshal(map[string]any{"error": e}) // strings and numbers always marshal
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client may have left
}

func isGeneration(path string) bool { return strings.HasSuffix(path, "/completions") }
