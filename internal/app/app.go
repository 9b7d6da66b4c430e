// Package app wires Groundwork together: what is opened and started, in which
// order, and how it stops. Everything else is handed what it needs.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/riverqueue/river"

	"groundwork/api"
	"groundwork/configs"
	"groundwork/docs"
	"groundwork/eval/draft"
	"groundwork/eval/reports"
	"groundwork/ingest"
	"groundwork/internal/telemetry"
	"groundwork/llm"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/sql"
	"groundwork/web"
)

// Options are what the configuration does not say.
type Options struct {
	Version  string
	Environ  []string // of the process; nil: os.Environ
	Log      *slog.Logger
	OnListen func(url string) // called once the server answers
	Worker   bool             // only work jobs: no questions, no chat model
}

// App is a running server. Build one with New, end it with Stop.
type App struct {
	cfg      configs.Config
	opts     Options
	lock     *dirLock
	library  *sql.Store
	cache    *passageCache
	files    ingest.Files
	index    index
	models   *models
	adapters *adapters // nil in a worker
	ingest   *ingest.Service
	tuner    *tuner // nil in a worker
	metrics  *telemetry.Metrics
	tracing  *telemetry.Tracing // nil: off
	api      *api.Server
	http     *http.Server
	stops    []func(context.Context) error // in the order of starting
	outdated chan error                    // gets why this process must end, once
}

// New opens everything below the data directory and starts the model servers
// and the workers. It does not wait for the models: Ready tells.
func New(ctx context.Context, cfg configs.Config, opts Options) (*App, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	a := &App{cfg: cfg, opts: opts, metrics: telemetry.NewMetrics(opts.Version), outdated: make(chan error, 1)}
	for _, step := range []func(context.Context) error{
		a.startTracing, a.openDir, a.openLibrary, a.openFiles, a.startModels, a.startAdapters, a.openIndex, a.startWorkers, a.startTuning, a.buildHandler,
	} {
		if err := step(ctx); err != nil {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Server.ShutdownGrace)
			defer cancel()
			return nil, errors.Join(err, a.Stop(stop))
		}
	}
	return a, nil
}

// startWait is how long a start waits for a database or an index that is away.
// Then the process ends, and what supervises it starts it again.
const startWait = time.Minute

// await opens something, again and again while it is away.
func await[T any](ctx context.Context, log *slog.Logger, open func() (T, error)) (T, error) {
	again := pause(500*time.Millisecond, 2*time.Second)
	for end := time.Now().Add(startWait); ; {
		opened, err := open()
		if rag.CodeOf(err) != rag.CodeUnavailable || time.Now().After(end) || !again(ctx) {
			return opened, err
		}
		log.Warn("the start waits for a service that is away", "error", err)
	}
}

// aheadOf is how many batches of chunks may wait for the embedding model for each document that is read.
const aheadOf = 4

// jobGrace is how long jobs may finish when the server stops.
const jobGrace = 3 * time.Second

func (a *App) onStop(f func(context.Context) error) { a.stops = append(a.stops, f) }

func (a *App) openDir(context.Context) error {
	lock, err := lockDir(a.cfg.Server.DataDir)
	if err != nil {
		return err
	}
	a.lock = lock
	a.onStop(func(context.Context) error { return lock.release() })
	return nil
}

func (a *App) openLibrary(ctx context.Context) error {
	library, err := await(ctx, a.opts.Log, func() (*sql.Store, error) {
		return openLibrary(ctx, a.cfg, a.opts.Log, a.queueMiddleware()...)
	})
	if err != nil {
		return err
	}
	a.library = library
	a.watchQueue()
	a.onStop(func(context.Context) error { return library.Close() })
	if err := a.attend(ctx); err != nil {
		return err
	}
	if a.cache, err = newPassageCache(library, a.cfg.Search.CachedPassages); err != nil {
		return err
	}
	if a.opts.Worker {
		return nil
	}
	keys, err := library.HasKeys(ctx)
	if err == nil && !keys && !loopback(a.cfg.Server.Listen) {
		err = fmt.Errorf("server.listen is %s, which others can reach, and there is no API key yet; run `groundwork keys create --verbs admin` first, or listen on 127.0.0.1", a.cfg.Server.Listen)
	}
	return err
}

// attend keeps a new index from taking the place of the one that this process uses.
func (a *App) attend(ctx context.Context) error {
	leave, err := await(ctx, a.opts.Log, func() (func(), error) {
		return a.library.Attend(ctx, func(err error) { a.outdated <- err })
	})
	if err == nil {
		a.onStop(func(context.Context) error { leave(); return nil })
	}
	return err
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (a *App) openFiles(ctx context.Context) (err error) {
	if a.files, err = openFiles(ctx, a.cfg); err != nil {
		return err
	}
	if c, ok := a.files.(io.Closer); ok {
		a.onStop(func(context.Context) error { return c.Close() })
	}
	return nil
}

func (a *App) startModels(ctx context.Context) error {
	m, err := startModels(ctx, a.cfg, a.opts, a.propagate())
	if err != nil {
		return err
	}
	a.models = m
	a.watchModels()
	a.onStop(m.stop)
	measuring, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.measure(measuring, pause(time.Second, 30*time.Second))
	}()
	a.onStop(func(context.Context) error { cancel(); <-done; return nil })
	return nil
}

// pause waits longer each time, from least to most; it is false when ctx ends.
func pause(least, most time.Duration) func(context.Context) bool {
	b := &backoff.ExponentialBackOff{InitialInterval: least, MaxInterval: most, Multiplier: 2, RandomizationFactor: 0.2}
	b.Reset()
	return func(ctx context.Context) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(b.NextBackOff()):
			return true
		}
	}
}

func (a *App) openIndex(ctx context.Context) error {
	index, err := await(ctx, a.opts.Log, func() (index, error) {
		return openIndex(ctx, a.cfg, a.library, a.models.vectors(a.cfg), indexOptions{log: a.opts.Log})
	})
	if err != nil {
		return err
	}
	a.index = index
	a.onStop(func(context.Context) error { return index.Close() })
	return nil
}

func (a *App) startWorkers(ctx context.Context) error {
	parse, err := a.parser()
	if err != nil {
		return err
	}
	a.ingest = &ingest.Service{
		Library: a.cache, Publisher: a.cache, Catalog: a.library, Trash: a.cache, Batches: a.library, Retrier: a.library, Backlog: a.library, Attachments: a.library, Files: a.files, Index: a.index, Labels: a.cache, Describer: a.index,
		Embedder: a.models.embed, Parse: parse, Split: a.split, Analyze: analyze.Terms, Log: a.opts.Log, Locks: a.library.Locks(),
		Limits: ingest.Limits{MaxFile: int64(a.cfg.Upload.MaxFile), Batch: a.cfg.Ingest.Batch, Attempts: a.cfg.Ingest.Attempts,
			Ahead: aheadOf * a.cfg.Ingest.Workers},
	}
	a.observeIngest(a.ingest)
	if !a.library.Shared() { // this process is the only one: what was running is not
		if _, err := a.library.RequeueRunning(ctx); err != nil {
			return err
		}
	}
	if a.cfg.Ingest.Workers == 0 {
		return nil
	}
	workers := river.NewWorkers()
	a.ingest.Register(workers)
	return a.workAfter(ctx, a.models.tried, workers)
}

// workAfter starts working jobs once the chat model was measured: ingest on
// the same cores would spoil the figures that the context budget hangs on.
func (a *App) workAfter(ctx context.Context, measured <-chan struct{}, workers *river.Workers) error {
	waiting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	started := make(chan func(context.Context) error, 1)
	go func() {
		defer close(started)
		select {
		case <-waiting.Done():
			return
		case <-measured:
		}
		debug.FreeOSMemory() // what the start took
		stop, err := a.work(waiting, workers)
		if err != nil {
			a.opts.Log.Error("documents are not worked on; restart the server", "error", err)
			return
		}
		started <- stop
		if err := a.ingest.DescribeAll(waiting); err != nil && waiting.Err() == nil {
			a.opts.Log.Warn("filters may not find every document yet; the next start tries again", "error", err)
		}
		if err := a.ingest.Recover(waiting); err != nil && waiting.Err() == nil {
			a.opts.Log.Warn("originals left by a crash were not all removed; the next start tries again", "error", err)
		}
	}()
	a.onStop(func(ctx context.Context) error {
		cancel()
		stop, ok := <-started
		if !ok {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, jobGrace) // what is interrupted goes on at the next start
		defer cancel()
		return stop(ctx)
	})
	return nil
}

// work starts working jobs; a database that is away is waited for until ctx ends.
func (a *App) work(ctx context.Context, workers *river.Workers) (stop func(context.Context) error, err error) {
	again := pause(time.Second, 5*time.Second)
	for {
		stop, err = a.library.Work(ctx, workers, sql.WorkOptions{
			Workers: a.cfg.Ingest.Workers, JobTimeout: a.cfg.Ingest.JobTimeout, RescueAfter: a.cfg.Ingest.RescueAfter,
		})
		if rag.CodeOf(err) != rag.CodeUnavailable {
			return stop, err
		}
		a.opts.Log.Warn("documents wait for the database", "error", err)
		if !again(ctx) {
			return nil, err
		}
	}
}

// buildHandler makes the HTTP server: everything, or only what tells how a worker does.
func (a *App) buildHandler(context.Context) error {
	handler := a.workerHandler()
	if !a.opts.Worker {
		if err := a.buildAPI(); err != nil {
			return err
		}
		handler = a.observedHandler(a.api)
	}
	a.http = &http.Server{
		Handler: handler, ReadHeaderTimeout: a.cfg.Server.HeaderTimeout, MaxHeaderBytes: int(a.cfg.Server.MaxHeader),
		IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(a.opts.Log.Handler(), slog.LevelDebug),
	}
	return nil
}

func (a *App) buildAPI() error {
	spec, err := docs.OpenAPI()
	if err != nil {
		return err
	}
	pipeline := &rag.Pipeline{
		Embedder: a.models.embed, Searcher: a.index, Passages: a.cache, Vocabulary: a.library, Reranker: a.models.ragReranker(), Generator: a.models.chat, Analyze: analyze.Terms,
		Options: rag.Options{
			Candidates: a.cfg.Search.Candidates, DenseWeight: a.cfg.Search.DenseWeight, Rerank: a.cfg.LLM.Rerank.Top, K: a.cfg.Search.K,
			Abstain: rag.Abstain(a.cfg.Answer.Abstain), MaxTokens: a.cfg.Answer.MaxTokens, Temperature: a.cfg.Answer.Temperature, LinkHosts: a.cfg.Answer.LinkHosts,
			Unsupported: rag.Unsupporteds(a.cfg.Answer.Unsupported),
		},
		About: rag.About{Embedding: a.models.fingerprint, Reranker: a.models.reranker, Generation: a.index.Generation, Adapter: a.models.chat.AdapterTag, Code: a.opts.Version},
	}
	asker, err := a.keeping(a.observed(pipeline))
	if err != nil {
		return err
	}
	a.api = api.New(api.Deps{
		Asker: asker, Replayer: replayer{pipeline, a.library, a.cfg.Answer.KeepFor}, Models: a.observedModels(llm.NewCurrentModels(a.models.chat, a.models.embed)),
		Uploader: a.observedUploader(a.ingest), Documents: a.library, Contents: a.files, Stores: a.library, Batches: a.library, Receipts: a.library, Repeats: a.library,
		Comparisons: comparisons{reports.In(filepath.Join(a.cfg.Server.DataDir, "comparisons"))},
		Tuner:       a.tuner,
		Drafts:      drafts{draft.Folder{Dir: DraftsDir(a.cfg)}},
		Keys:        localKeys{a.library, a.lock.Token}, Health: a, Page: web.Handler(), Metrics: a.metrics.Handler(), Spec: spec,
		Log:     a.opts.Log,
		Observe: a.observeRequest,
	}, api.Options{
		PublicURL: a.cfg.Server.PublicURL, Version: a.opts.Version,
		MaxJSON: int64(a.cfg.Server.MaxJSON), MaxJSONDepth: a.cfg.Server.MaxJSONDepth, MaxQuery: int(a.cfg.Server.MaxQuery),
		MaxTokens: a.cfg.Answer.MaxTokensLimit, MaxFile: int64(a.cfg.Upload.MaxFile), MaxFiles: a.cfg.Upload.MaxFiles,
		Streams: a.cfg.Server.Streams, StreamsPerKey: a.cfg.Server.StreamsPerKey,
		StreamIdle: a.cfg.Server.StreamIdle, StreamTotal: a.cfg.Server.StreamTotal,
	})
	return nil
}

// Stop ends everything in the reverse order of starting; it works on an App
// that New only half built. ctx bounds the wait for work that is under way.
func (a *App) Stop(ctx context.Context) error {
	var errs []error
	for len(a.stops) > 0 {
		last := len(a.stops) - 1
		errs = append(errs, a.stops[last](ctx))
		a.stops = a.stops[:last]
	}
	return errors.Join(errs...)
}
