package runtime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"groundwork/rag"
)

// Options say what a Server runs. Zero durations and sizes get their defaults.
type Options struct {
	Name     string         // chat or embed: for messages and logs
	Command  []string       // program and arguments
	Settings map[string]any // the child gets them as one line of JSON on stdin, with port and api_key added
	Env      []string       // the child's whole environment
	Log      string         // file for what the child prints; one older one is kept beside it as .old
	LogLimit int64          // bytes of each of the two; 0: 5 MB

	StartTimeout time.Duration // until the child must answer /health; 0: 2 m
	HealthEvery  time.Duration // 0: 3 s
	HealthWait   time.Duration // for one answer of a running child; three missed ones in a row restart it; 0: 10 s
	StopGrace    time.Duration // after SIGTERM, before SIGKILL; 0: 5 s
	BackoffMin   time.Duration // before the first restart; it doubles; 0: 500 ms
	BackoffMax   time.Duration // 0: 30 s
	Logger       *slog.Logger  // nil: none
}

// Status is where a Server is in its life.
type Status string

// The statuses of a Server.
const (
	Starting   Status = "starting" // the child runs and does not answer yet
	Ready      Status = "ready"
	Restarting Status = "restarting" // the child failed; the next start waits its turn
	Stopped    Status = "stopped"
)

// State is a snapshot for readiness and doctor.
type State struct {
	Status   Status    `json:"status"`
	Since    time.Time `json:"since"`
	PID      int       `json:"pid,omitempty"`
	Restarts int       `json:"restarts"`
	Error    string    `json:"error,omitempty"` // of the last failed start or run
	Log      string    `json:"log"`

	failures int // in a row, without having been ready
}

// hopeless is how many failed starts in a row WaitReady waits for.
const hopeless = 3

// Server is a model server: a child process that is started, watched and
// started again until Stop. Its address and key stay the same all the while.
type Server struct {
	opt    Options
	port   int
	key    string
	log    *boundedLog
	client *http.Client
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed and replaced with every change of state
}

// Start starts the child and returns at once; WaitReady waits for it. The
// Server lives until Stop or the end of ctx.
func Start(ctx context.Context, opt Options) (*Server, error) {
	opt = opt.withDefaults()
	if len(opt.Command) == 0 {
		return nil, errors.New("start model server: no command")
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(opt.Log), 0o700); err != nil {
		return nil, fmt.Errorf("start model server: %w", err)
	}
	log, err := openLog(opt.Log, opt.LogLimit)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{
		opt: opt, port: port, key: rand.Text(), log: log, cancel: cancel,
		client:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, // no proxy: it is this machine
		done:    make(chan struct{}),
		changed: make(chan struct{}),
		state:   State{Status: Starting, Since: time.Now(), Log: opt.Log},
	}
	go s.supervise(ctx)
	return s, nil
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&o.StartTimeout, 2 * time.Minute},
		{&o.HealthEvery, 3 * time.Second},
		{&o.HealthWait, 10 * time.Second},
		{&o.StopGrace, 5 * time.Second},
		{&o.BackoffMin, 500 * time.Millisecond},
		{&o.BackoffMax, 30 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	if o.LogLimit <= 0 {
		o.LogLimit = 5 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// lowestPort and highestPort bound what freePort picks: above the registered ones that are in
// use, below those that systems give to whoever asks for any.
const (
	lowestPort  = 20_000
	highestPort = 32_000
)

// freePort picks a port of the loopback. The child keeps it for its life and
// that of its successors, so it is none that the system may give to another
// program while the child does not run.
func freePort(ctx context.Context) (port int, err error) {
	for range 100 {
		port = lowestPort + mathrand.IntN(highestPort-lowestPort) //nolint:gosec // any will do
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			if err = l.Close(); err == nil {
				return port, nil
			}
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

// Name is chat or embed.
func (s *Server) Name() string { return s.opt.Name }

// BaseURL is the server's OpenAI address, which ends in /v1.
func (s *Server) BaseURL() string { return s.root() + "/v1" }

func (s *Server) root() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

// APIKey is what the server asks for as bearer token; made anew by each Start.
func (s *Server) APIKey() string { return s.key }

// State is how the server is now.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Changed is closed when State is no longer what it was.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Server) set(change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.state.Status
	change(&s.state)
	if s.state.Status != before {
		s.state.Since = time.Now()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// WaitReady waits until the server answers. It fails when ctx ends, when the
// server is stopped, and when three starts in a row have failed (the attempts go on).
func (s *Server) WaitReady(ctx context.Context) error {
	for {
		changed, state := s.Changed(), s.State()
		switch {
		case state.Status == Ready:
			return nil
		case state.Status == Stopped:
			return s.unavailable("was stopped", nil)
		case state.failures >= hopeless:
			return s.unavailable("does not start", nil)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s.unavailable("is not ready yet", ctx.Err())
		}
	}
}

func (s *Server) unavailable(what string, err error) error {
	state := s.State()
	if state.Error != "" {
		err = errors.Join(err, errors.New(state.Error))
	}
	return &rag.Error{
		Code: rag.CodeUnavailable, Err: err, RetryAfter: 5 * time.Second,
		Message: fmt.Sprintf("The %s model server %s; its log is %s, and `groundwork doctor` checks the rest.", s.opt.Name, what, state.Log),
	}
}

// Stop ends the child, gracefully first, and waits for its end; when ctx ends
// earlier the child is killed. Safe to call again.
func (s *Server) Stop(ctx context.Context) error {
	s.cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	if pid := s.State().PID; pid > 0 {
		if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill the %s model server: %w", s.opt.Name, err)
		}
	}
	<-s.done
	return nil
}
