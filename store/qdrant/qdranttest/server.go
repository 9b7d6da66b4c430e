package qdranttest

import (
	"bufio"
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Server is a Qdrant to test against.
type Server struct {
	URL    string
	APIKey string

	t    testing.TB
	dir  string   // of the child's data; empty: a server that was there before
	args []string // of the child, without folder and port
	port string
	cmd  *exec.Cmd
	out  *bufio.Reader // what the child prints
}

// shared is the test server of all tests of the process that do not stop it.
var shared struct {
	sync.Mutex
	server *Server
}

// Start gives the server at QDRANT_URL, or else a test server that the tests of
// the process share until StopShared. Without the engine the test is skipped;
// with GROUNDWORK_TEST_STRICT=1 it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	if address := os.Getenv("QDRANT_URL"); address != "" {
		return &Server{URL: address, APIKey: os.Getenv("QDRANT_API_KEY"), t: t}
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		dir, err := os.MkdirTemp("", "qdranttest")
		require.NoError(t, err)
		s := &Server{t: t, dir: dir, port: "0"}
		s.Restart()
		shared.server = s
	}
	return shared.server
}

// StopShared ends the shared server; TestMain calls it.
func StopShared() error {
	shared.Lock()
	defer shared.Unlock()
	s := shared.server
	if s == nil {
		return nil
	}
	shared.server = nil
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait() // how it ended is no matter
	return errors.Join(err, os.RemoveAll(s.dir))
}

// StartOwn starts a test server, for tests that stop it. Args are further
// arguments of server.py, such as --api-key.
func StartOwn(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), args: args, port: "0"}
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// Restart starts the stopped server again, on the same data and port.
func (s *Server) Restart() {
	s.t.Helper()
	require.Nil(s.t, s.cmd, "the server runs")
	here := folder(s.t)
	python := filepath.Join(here, "..", "..", "..", ".tools", "qdrant-python", "bin", "python")
	if _, err := exec.LookPath(python); err != nil {
		const why = "the Qdrant engine is not installed: `make test-setup` installs it, or set QDRANT_URL"
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			s.t.Fatal(why)
		}
		s.t.Skip(why)
	}
	// Not the test's context: the server outlives t.Context, for cleanups.
	cmd := exec.CommandContext(context.Background(), python, append([]string{filepath.Join(here, "python", "server.py"), s.dir, "--port", s.port}, s.args...)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = endsWithParent()
	out, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	s.cmd = cmd
	s.out = bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	require.NoError(s.t, err, "the server did not start")
	s.port = strings.TrimSpace(line)
	u := url.URL{Scheme: "http", Host: "localhost:" + s.port}
	for _, a := range s.args {
		if a == "--tls" {
			u.Scheme = "https"
		}
	}
	s.URL = u.String()
}

// Stop ends the server as an operator would.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server at once. It does nothing when it is stopped.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(signal syscall.Signal) {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	require.NoError(s.t, s.cmd.Process.Signal(signal))
	_ = s.cmd.Wait() // how it ended is no matter
	s.cmd = nil
}

// Optimise builds the graphs of all that was written, and waits for it. A server
// at QDRANT_URL does so by itself, and nothing is done.
func (s *Server) Optimise() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	s.signal(syscall.SIGUSR1)
	line, err := s.out.ReadString('\n')
	require.NoError(s.t, err)
	require.Equal(s.t, "optimised", strings.TrimSpace(line))
}

// Pause stops the server's processor time: connections stay, answers do not
// come. It returns when all threads have stopped.
func (s *Server) Pause() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if !errors.Is(err, syscall.EINTR) {
			require.NoError(s.t, err)
			break
		}
	}
	require.True(s.t, status.Stopped())
}

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	require.NotNil(s.t, s.cmd, "the server is not running, or not ours")
	require.NoError(s.t, s.cmd.Process.Signal(signal))
}

// Wipe stops the server and throws its data away.
func (s *Server) Wipe() {
	s.t.Helper()
	s.Kill()
	require.NoError(s.t, os.RemoveAll(s.dir))
}

func folder(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(t, ok)
	return filepath.Dir(file)
}
