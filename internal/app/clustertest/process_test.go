package clustertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/store/blob/s3test"
)

// processEnv makes the test binary a server or a worker: its value is a settings.
const processEnv = "GROUNDWORK_CLUSTER_PROCESS"

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

// runProcess is a server or a worker until SIGTERM; it logs into its folder.
func runProcess(raw string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var s settings
	err := json.Unmarshal([]byte(raw), &s)
	if err == nil {
		err = run(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

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
	return app.Run(ctx, cfg, app.Options{Version: "test", Worker: s.Worker, Log: app.Logger(log, cfg.Log), OnListen: func(url string) { fmt.Println(url) }})
}

const logFile = "log.txt"

// process is a server or a worker, which may be killed and started again.
type process struct {
	t        *testing.T
	settings settings

	mu   sync.Mutex
	url  string
	cmd  *exec.Cmd     // nil while it does not run
	done chan struct{} // closed when it has ended
	code int           // that it ended with
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
	raw, err := json.Marshal(p.settings)
	require.NoError(p.t, err)
	exe, err := os.Executable()
	require.NoError(p.t, err)
	cmd := exec.Command(exe) // not the test's context: it outlives it, for clean-ups
	cmd.Env, cmd.Stderr = append(os.Environ(), processEnv+"="+string(raw)), os.Stderr
	cmd.SysProcAttr = endsWithParent()
	out, err := cmd.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, cmd.Start())
	var url string
	_, err = fmt.Fscanln(out, &url)
	require.NoError(p.t, err, "the process did not start")
	p.mu.Lock()
	defer p.mu.Unlock()
	done := make(chan struct{})
	p.cmd, p.url, p.done = cmd, url, done
	go func() {
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // how it ended is in its state
		p.mu.Lock()
		p.code = cmd.ProcessState.ExitCode()
		p.mu.Unlock()
		close(done)
	}()
}

// address is where the process listens.
func (p *process) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url
}

// running tells whether the process has not ended.
func (p *process) running() bool {
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	select {
	case <-done:
		return false
	default:
		return true
	}
}

// signal sends one; a process that has ended takes none.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Signal(s)
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// stop ends the process as an operator would, and gives the code it ended with.
func (p *process) stop() int {
	p.signal(syscall.SIGTERM)
	<-p.done
	return p.code
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
