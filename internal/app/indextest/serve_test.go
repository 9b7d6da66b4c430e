package indextest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
)

// serveEnv makes the test binary a server: its value is a settings.
const serveEnv = "GROUNDWORK_INDEX_SERVE"

type settings struct{ Dir, Model string }

func (s settings) config() (configs.Config, error) {
	cfg, err := configs.Load("", os.Environ())
	cfg.Server.Listen, cfg.Server.DataDir = "127.0.0.1:0", s.Dir
	cfg.Ingest.Workers = 0 // the jobs of what was put into the stores directly are left alone
	cfg.LLM.Chat.BaseURL, cfg.LLM.Chat.Model = s.Model, "test-chat"
	cfg.LLM.Embed.BaseURL, cfg.LLM.Embed.Model = s.Model, "test-embed"
	return cfg, err
}

// serve runs a server as it is shipped until SIGTERM.
func serve(raw string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var s settings
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return err
	}
	cfg, err := s.config()
	if err != nil {
		return err
	}
	return app.Run(ctx, cfg, app.Options{OnListen: func(url string) { fmt.Println(url) }})
}

// child is a server in a process of its own.
type child struct {
	cmd  *exec.Cmd
	url  string
	took time.Duration // from the start of the process until it answers
}

func startChild(tb testing.TB, s settings) child {
	tb.Helper()
	raw, err := json.Marshal(s)
	require.NoError(tb, err)
	exe, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.CommandContext(tb.Context(), exe)
	cmd.Env, cmd.Stderr = append(os.Environ(), serveEnv+"="+string(raw)), os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	began := time.Now()
	require.NoError(tb, cmd.Start())
	var url string
	_, err = fmt.Fscanln(out, &url)
	require.NoError(tb, err)
	return child{cmd, url, time.Since(began)}
}

// stop lets the server end by itself.
func (c child) stop() error { return errors.Join(c.cmd.Process.Signal(syscall.SIGTERM), c.cmd.Wait()) }
