// Package s3test runs a real S3 server for tests: versitygw over a temporary
// folder, built by `make test-setup`.
package s3test

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Version is versitygw's; the Makefile builds it to Path.
const Version = "1.8.0"

// The server's only account.
const (
	AccessKey = "groundwork"
	SecretKey = "only-for-tests"
)

// Bucket exists from the start.
const Bucket = "originals"

// Server is one S3 server on a port of its own. It ends with the test.
type Server struct {
	t    *testing.T
	addr string
	root string
	mu   sync.Mutex
	cmd  *exec.Cmd // nil while it does not run
}

// Path is where the server's binary is.
func Path() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", ".tools", "bin", "versitygw-"+Version)
}

// Start starts a server. Without its binary the test is skipped; with
// GROUNDWORK_TEST_STRICT=1 it fails.
func Start(t *testing.T) *Server {
	t.Helper()
	if _, err := os.Stat(Path()); err != nil {
		const why = "no S3 server here: run `make test-setup`"
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	s := &Server{t: t, addr: freeAddress(t), root: t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(s.Folder(), Bucket), 0o700))
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// Folder holds one folder for each bucket, and in it the objects as files.
func (s *Server) Folder() string { return filepath.Join(s.root, "buckets") }

// Address is host and port.
func (s *Server) Address() string { return s.addr }

// URL names a place in Bucket on this server.
func (s *Server) URL(prefix string) string { return URL(s.addr, prefix) }

// NewBucket makes an empty bucket and gives its URL.
func (s *Server) NewBucket() string {
	dir, err := os.MkdirTemp(s.Folder(), "bucket-")
	require.NoError(s.t, err)
	return place(s.addr, filepath.Base(dir), "")
}

// URL names a place in Bucket on the server at addr, such as a proxy's.
func URL(addr, prefix string) string { return place(addr, Bucket, prefix) }

func place(addr, bucket, prefix string) string {
	q := url.Values{"endpoint": {"http://" + addr}, "region": {"us-east-1"}, "use_path_style": {"true"}}
	return "s3://" + bucket + "/" + prefix + "?" + q.Encode()
}

// Restart starts the server again on the same address and files.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	meta, iam := filepath.Join(s.root, "meta"), filepath.Join(s.root, "iam")
	for _, dir := range []string{meta, iam} {
		require.NoError(s.t, os.MkdirAll(dir, 0o700))
	}
	s.cmd = exec.CommandContext(s.t.Context(), Path(), "--port", s.addr, "--quiet", "--health", "/health", "--iam-dir", iam, "posix", "--sidecar", meta, s.Folder())
	s.cmd.Env = []string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey, "HOME=" + s.root, "TMPDIR=" + s.root}
	require.NoError(s.t, s.cmd.Start())
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	require.Eventually(s.t, func() bool {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.addr+"/health", nil)
		if err != nil {
			return false
		}
		resp, err := client.Do(req)
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}, 30*time.Second, 20*time.Millisecond, "the S3 server does not start")
}

// Kill ends the server as a power cut would; it does nothing when it does not run.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	_ = s.cmd.Wait()         // the signal is its error
	s.cmd = nil
}

// Pause stops the server without closing its connections; Resume lets it go on.
// It does nothing any more when Pause returns.
func (s *Server) Pause() {
	s.signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	_, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(s.t, err)
	require.True(s.t, status.Stopped())
}

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(s.t, s.cmd.Process.Signal(sig))
}
