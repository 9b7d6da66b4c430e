package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.Error(w, "qdrant is down", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	s := shell{t, []string{"HOME=" + t.TempDir(), "GROUNDWORK_SERVER__LISTEN=0.0.0.0:" + port}}
	_, err := s.run("health")
	require.NoError(t, err)
	_, err = s.run("health", "--ready")
	require.ErrorContains(t, err, "qdrant is down")
	_, err = s.run("health", "--ready", "--server", server.URL+"/")
	require.ErrorContains(t, err, "503")
	server.Close()
	_, err = s.run("health")
	require.Error(t, err)
}

func TestReachable(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"0.0.0.0:8080": "127.0.0.1:8080", "[::]:8080": "127.0.0.1:8080", ":8080": "127.0.0.1:8080",
		"127.0.0.1:9000": "127.0.0.1:9000", "10.0.0.5:80": "10.0.0.5:80", "box:80": "box:80",
	} {
		require.Equal(t, want, reachable(listen), listen)
	}
}
