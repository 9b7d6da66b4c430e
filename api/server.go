package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// Deps are what the handlers call. Comparisons, Drafts, Tuner, Page, Metrics, Log, Now, NewID and Observe may be nil.
type Deps struct {
	Asker       Asker
	Replayer    Replayer
	Models      Models
	Uploader    Uploader
	Documents   Documents
	Contents    Contents
	Stores      Stores
	Batches     Batches
	Receipts    Receipts
	Repeats     Repeats
	Keys        Keys
	Health      Health
	Page        http.Handler // the web page: /, /reports, /drafts and /assets/
	Metrics     http.Handler
	Comparisons Comparisons
	Drafts      Drafts
	Tuner       Tuner
	Spec        []byte // docs/openapi.yaml as JSON
	Log         *slog.Logger
	Now         func() time.Time
	NewID       func(prefix string) string         // such as ans_…
	Observe     func(context.Context, Observation) // with the request's context
}

// Observation is one request that was served, for the metrics.
type Observation struct {
	ID            string // req_…
	Method, Route string // Route is the pattern, such as /v1/files/:id; empty when none matched
	Status        int
	Code          rag.Code // of an error, also of one inside a stream
	Took          time.Duration
}

// Options are the limits of the interface. Sizes are in bytes. Zero values
// of MaxWait, ClientIdle and LookEvery mean 10 minutes, 30 seconds and half a second; every other limit must be set.
type Options struct {
	PublicURL     string // address that citations link to; empty: the one the request came to
	Version       string
	MaxJSON       int64
	MaxJSONDepth  int
	MaxQuery      int
	MaxTokens     int // of a reply: the most a client may ask for
	MaxFile       int64
	MaxFiles      int // in one request
	Streams       int // answers at once
	StreamsPerKey int
	StreamIdle    time.Duration // between two pieces of an answer
	StreamTotal   time.Duration
	LookEvery     time.Duration // how often a stream of progress looks for changes
	MaxWait       time.Duration // ?wait=ready&timeout=
	ClientIdle    time.Duration // a client may take this long to read a piece of a reply or to send the next piece of a body
	TempDir       string        // for uploads whose store is named after their files; empty: the system's
}

// Server is the HTTP interface. It serves until CutStreams; http.Server does
// the listening, and its Shutdown waits for what is open.
type Server struct {
	Deps
	opts     Options
	limits   openai.Limits
	engine   *gin.Engine
	answers  *slots // chat
	lookups  *slots // search and embeddings
	watchers *slots // streams of progress
	started  time.Time
	draining atomic.Bool
	cut      context.Context // done when open requests must end
	cutNow   context.CancelFunc
}

// New wires the interface.
func New(d Deps, o Options) *Server {
	s := &Server{Deps: d.withDefaults(), opts: o.withDefaults()}
	s.limits = openai.Limits{MaxTokens: o.MaxTokens, MaxQuery: o.MaxQuery}
	s.answers, s.lookups = newSlots(o.Streams, o.StreamsPerKey), newSlots(o.Streams, o.StreamsPerKey)
	s.watchers = newSlots(o.Streams, o.StreamsPerKey)
	s.cut, s.cutNow = context.WithCancel(context.Background())
	s.started = s.Now()
	gin.SetMode(gin.ReleaseMode)
	s.engine = gin.New()
	s.routes(s.engine)
	return s
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.NewID == nil {
		d.NewID = func(prefix string) string {
			var b [12]byte
			_, _ = rand.Read(b[:]) // never fails
			return prefix + hex.EncodeToString(b[:])
		}
	}
	if d.Observe == nil {
		d.Observe = func(context.Context, Observation) {}
	}
	return d
}

func (o Options) withDefaults() Options {
	if o.MaxWait == 0 {
		o.MaxWait = 10 * time.Minute
	}
	if o.ClientIdle == 0 {
		o.ClientIdle = 30 * time.Second
	}
	if o.LookEvery == 0 {
		o.LookEvery = 500 * time.Millisecond
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	return o
}

// Drain makes /readyz answer 503, so that no new work is sent here. What is
// open goes on.
func (s *Server) Drain() { s.draining.Store(true) }

// CutStreams ends what is still open when the grace is over: streams with a
// final error event, other requests with 503. Those handlers return at once,
// so http.Server.Shutdown can end.
func (s *Server) CutStreams() {
	s.Drain()
	s.cutNow()
}

// ServeHTTP binds a request's context to CutStreams, its reads and writes to
// the client's speed, and HEAD to GET (net/http drops the body).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	stop := context.AfterFunc(s.cut, func() { cancel(errShutdown) }) //nolint:contextcheck // CutStreams is the event, r's context is what it ends
	defer stop()
	r = r.WithContext(ctx)
	w = newPacedWriter(w, s.opts.ClientIdle)
	if r.Body != nil && r.Body != http.NoBody {
		body := newPacedBody(r.Body, w, s.opts.ClientIdle)
		defer body.linger(r.Header.Get("Expect") == "")
		r.Body = body
	}
	if r.Method == http.MethodHead {
		r.Method = http.MethodGet
	}
	s.engine.ServeHTTP(w, r)
}
