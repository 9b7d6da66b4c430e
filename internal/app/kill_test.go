package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
	"groundwork/llm/llmtest"
)

// serveEnv makes the test binary a server: its value is a serveSettings.
const serveEnv = "GROUNDWORK_TEST_SERVE"

type serveSettings struct{ Dir, Model string }

// serveChild is the server that gets killed.
func serveChild(raw string) int {
	var settings serveSettings
	if err := json.Unmarshal([]byte(raw), &settings); err != nil {
		return 2
	}
	cfg, err := settings.config()
	if err == nil {
		err = app.Run(context.Background(), cfg, app.Options{OnListen: func(url string) { fmt.Println(url) }})
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestKillNineLosesNothing kills the server at random moments while documents
// are uploaded: after the last restart every acknowledged document becomes
// ready, once.
func TestKillNineLosesNothing(t *testing.T) {
	t.Parallel()
	const documents, kills = 100, 20
	model := llmtest.Start(t, llmtest.Options{})
	settings := serveSettings{Dir: t.TempDir(), Model: model.BaseURL()}
	acknowledged := map[string]string{} // path to id
	next := 0
	for kill := 0; kill <= kills; kill++ {
		child := startChild(t, settings)
		timer := time.AfterFunc(time.Duration(50+rand.IntN(900))*time.Millisecond, func() {
			if kill < kills {
				_ = child.cmd.Process.Kill() // the test's own child; a second kill is harmless
			}
		})
		for next < documents*(kill+1)/(kills+1) {
			path := fmt.Sprintf("rule-%03d.md", next)
			id, err := tryUpload(t, child.url, path, handbook(next))
			if err != nil {
				break // killed; the next server gets the same file again
			}
			acknowledged[path] = id
			next++
		}
		if kill < kills {
			child.wait()
			timer.Stop()
			continue
		}
		s := &server{t: t, url: child.url}
		s.checkStore(documents, acknowledged)
		require.NoError(t, child.cmd.Process.Kill())
		child.wait()
	}
	require.Len(t, acknowledged, documents)
}

// checkStore waits until all documents are done, then compares.
func (s *server) checkStore(documents int, acknowledged map[string]string) {
	var list struct {
		Data    []document
		HasMore bool `json:"has_more"`
	}
	require.Eventually(s.t, func() bool {
		s.json(http.MethodGet, "/v1/documents?store=h&limit=100", nil, http.StatusOK, &list)
		for _, d := range list.Data {
			if d.Status != "ready" {
				return false
			}
		}
		return len(list.Data) == documents
	}, 5*time.Minute, 100*time.Millisecond) // each document is read in a child that the race detector slows down
	require.False(s.t, list.HasMore)
	for _, d := range list.Data {
		require.Equal(s.t, acknowledged[d.Filename], d.ID, "%s is there once, under the id that was acknowledged", d.Filename)
	}
	for _, n := range []int{0, documents / 2, documents - 1} {
		var found struct {
			Data []struct {
				Filename string
				ChunkID  string `json:"chunk_id"`
			}
		}
		s.json(http.MethodPost, "/v1/search", map[string]any{"store": "h", "query": fmt.Sprintf("Employees of unit %d annual leave", n), "k": 50}, http.StatusOK, &found)
		seen := map[string]bool{}
		for _, hit := range found.Data {
			require.False(s.t, seen[hit.ChunkID], "a chunk is found once")
			seen[hit.ChunkID] = true
		}
		require.NotEmpty(s.t, seen)
	}
}

type childServer struct {
	cmd *exec.Cmd
	url string
	out io.ReadCloser
}

func startChild(t testing.TB, settings serveSettings) childServer {
	t.Helper()
	raw, err := json.Marshal(settings)
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), serveEnv+"="+string(raw))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var url string
	_, err = fmt.Fscanln(out, &url)
	require.NoError(t, err)
	return childServer{cmd, url, out}
}

// wait reaps the child; that it was killed is no error here.
func (c childServer) wait() {
	_, _ = io.Copy(io.Discard, c.out)
	_ = c.cmd.Wait()
}

func tryUpload(t *testing.T, base, path, content string) (string, error) {
	t.Helper()
	body, contentType := form(t, "h", path, content)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/documents", body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var reply struct{ Data []document }
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusAccepted || len(reply.Data) != 1 || reply.Data[0].Error != nil {
		return "", fmt.Errorf("status %d: %+v", resp.StatusCode, reply)
	}
	return reply.Data[0].ID, nil
}
