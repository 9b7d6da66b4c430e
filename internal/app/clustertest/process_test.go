package clustertest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/internal/apptest"
	"groundwork/store/blob/s3test"
)

// settings of one process. What they do not name is as it is shipped.
type settings struct {
	Worker                  bool
	Dir, Model              string
	SQL, Qdrant, Files      string        // addresses
	Batch                   int           // chunks in one embedding job
	Works                   int           // jobs that the server works at once; 0: only the workers work
	JobTimeout, RescueAfter time.Duration // 0: as shipped
}

func (s settings) config() (configs.Config, error) {
	cfg, err := configs.Load("", os.Environ())
	cfg.Server.Listen, cfg.Server.DataDir = "127.0.0.1:0", s.Dir
	cfg.Store.SQL, cfg.Store.Index, cfg.Store.Qdrant.URL = configs.Secret(s.SQL), "qdrant", s.Qdrant
	cfg.Store.Files, cfg.Store.FilesAccessKey, cfg.Store.FilesSecretKey = s.Files, s3test.AccessKey, s3test.SecretKey
	cfg.Parse.Memory = parserMemory
	cfg.Ingest.Batch = s.Batch
	if s.JobTimeout > 0 {
		cfg.Ingest.JobTimeout, cfg.Ingest.RescueAfter = s.JobTimeout, s.RescueAfter
	}
	if !s.Worker {
		cfg.Ingest.Workers = s.Works
	}
	cfg.Answer.Abstain = "off" // the scripted embedder's cosines mean nothing
	cfg.LLM.Chat.BaseURL, cfg.LLM.Chat.Model = s.Model, "test-chat"
	cfg.LLM.Embed.BaseURL, cfg.LLM.Embed.Model = s.Model, "test-embed"
	return cfg, err
}

// run is a server or a worker; it logs into its folder.
func run(ctx context.Context, s settings) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	return app.Run(ctx, cfg, app.Options{Version: "test", Worker: s.Worker, Log: app.Logger(log, cfg.Log), OnListen: apptest.Announce})
}

const logFile = "log.txt"

// process is a server or a worker, which may be killed and started again.
type process struct {
	t        *testing.T
	settings settings

	mu  sync.Mutex
	now *apptest.Process // its latest life
}

func newProcess(t *testing.T, s settings) *process {
	t.Helper()
	p := &process{t: t, settings: s}
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			p.showLog()
		}
	})
	return p
}

// start starts the process and waits until it listens.
func (p *process) start() {
	p.t.Helper()
	started := apptest.Start(p.t, p.settings, func(c *exec.Cmd) { c.SysProcAttr = endsWithParent() })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = started
}

func (p *process) latest() *apptest.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// address is where the process listens.
func (p *process) address() string { return p.latest().URL }

// running tells whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.latest().Done():
		return false
	default:
		return true
	}
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() { p.latest().Kill() }

// stop ends the process as an operator would, and gives the code it ended with.
func (p *process) stop() int {
	last := p.latest()
	_ = last.Stop() // Code says how
	return last.Code()
}

// log is everything that the process logged, in all its lives.
func (p *process) log() string {
	raw, err := os.ReadFile(filepath.Join(p.settings.Dir, logFile))
	require.NoError(p.t, err)
	return string(raw)
}

func (p *process) showLog() {
	const most = 6000
	log := p.log()
	p.t.Logf("log of %s:\n%s", filepath.Base(p.settings.Dir), log[max(0, len(log)-most):])
}
