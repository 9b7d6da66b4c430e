// Package faulttest_test kills a server at random and between any two durable
// steps, takes the power away, fills the disk and lets syncs fail, and looks each time
// whether what was acknowledged is there, once and whole: `make test` a little,
// `make faults` at length.
package faulttest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"modernc.org/sqlite"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/internal/apptest"
	"groundwork/internal/diskfault"
	"groundwork/internal/failpoint"
)

// longEnv makes the tests long: see scale.
const longEnv = "GROUNDWORK_FAULTS"

// TestMain lets the test binary be the parser child and a server to kill.
func TestMain(m *testing.M) {
	diskfault.Enter()
	dieOfPoison()
	apptest.Child(serve)
	goleak.VerifyTestMain(m)
}

// scale is little in the default run and much in the long one.
func scale(little, much int) int {
	if os.Getenv(longEnv) == "1" {
		return much
	}
	return little
}

// settings of one server. What they do not name is as it is shipped.
type settings struct {
	Dir, Model  string
	Place       string // where it kills itself; empty: nowhere
	Nth         int    // time that it gets there
	Synchronous string // of its databases, the bad way; empty: as shipped
	Mount       string // size of a file system of its own for the data directory; empty: none
	Rescue      int    // seconds until a job that was lost is taken up again; 0: as shipped
}

func (s settings) config() (configs.Config, error) {
	cfg, err := configs.Load("", os.Environ())
	cfg.Server.Listen, cfg.Server.DataDir = "127.0.0.1:0", s.Dir
	cfg.Parse.Memory = parserMemory
	cfg.Ingest.Batch = 2 // so that a document takes several
	if s.Rescue > 0 {
		cfg.Ingest.JobTimeout, cfg.Ingest.RescueAfter = 10*time.Second, time.Duration(s.Rescue)*time.Second
	}
	cfg.Answer.Abstain = "off" // the scripted embedder's cosines mean nothing
	cfg.LLM.Chat.BaseURL, cfg.LLM.Chat.Model = s.Model, "test-chat"
	cfg.LLM.Embed.BaseURL, cfg.LLM.Embed.Model = s.Model, "test-embed"
	return cfg, err
}

// serve is the server that suffers.
func serve(ctx context.Context, s settings) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	if s.Mount != "" {
		if err := mount(s.Dir, s.Mount); err != nil {
			return err
		}
	}
	if s.Place != "" {
		if err := failpoint.Arm(s.Place, s.Nth, killMyself); err != nil {
			return err
		}
	}
	if s.Synchronous != "" {
		sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, _ string) error {
			_, err := conn.ExecContext(ctx, "PRAGMA synchronous="+s.Synchronous, nil)
			return err
		})
	}
	return app.Run(ctx, cfg, app.Options{Version: "test", OnListen: apptest.Announce})
}

func killMyself() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {} // until it is dead
}

// start runs a server in this process; stop ends it and waits.
func start(t *testing.T, s settings) (url string, stop func()) {
	t.Helper()
	cfg, err := s.config()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	listening, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, cfg, app.Options{Version: "test", OnListen: func(url string) { listening <- url }})
	}()
	select {
	case url = <-listening:
	case err := <-ended:
		cancel()
		require.NoError(t, err)
		t.Fatal("the server ended at once")
	}
	return url, func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

// poison is a document that no parser survives.
const poison = "poison: whoever reads this dies"

// parsed is where a parser child finds its document. It is kept: a file that
// nobody holds is closed, and the parser has still to read it.
var parsed *os.File

// dieOfPoison ends a parser child whose document says so.
func dieOfPoison() {
	if len(os.Args) < 2 || os.Args[1] != app.ParseChild {
		return
	}
	parsed = os.NewFile(3, "document")
	raw, err := io.ReadAll(io.NewSectionReader(parsed, 0, 1<<20))
	if err == nil && bytes.Contains(raw, []byte(poison)) {
		killMyself()
	}
}

// row is a line of the table that `make faults` prints.
func row(t *testing.T, kind, format string, args ...any) {
	t.Helper()
	t.Logf("%-34s %s", kind, fmt.Sprintf(format, args...))
}

func sub(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(path, 0o700))
	return path
}
