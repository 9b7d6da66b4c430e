package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
	"groundwork/internal/apptest"
	"groundwork/llm/llmtest"
)

type serveSettings struct{ Dir, Model string }

// serve is the server that gets killed.
func serve(ctx context.Context, settings serveSettings) error {
	cfg, err := settings.config()
	if err != nil {
		return err
	}
	return app.Run(ctx, cfg, app.Options{OnListen: apptest.Announce})
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
		child := apptest.Start(t, settings)
		timer := time.AfterFunc(time.Duration(50+rand.IntN(900))*time.Millisecond, func() {
			if kill < kills {
				child.Signal(os.Kill)
			}
		})
		for next < documents*(kill+1)/(kills+1) {
			path := fmt.Sprintf("rule-%03d.md", next)
			id, err := tryUpload(t, child.URL, path, handbook(next))
			if err != nil {
				break // killed; the next server gets the same file again
			}
			acknowledged[path] = id
			next++
		}
		if kill < kills {
			<-child.Done()
			timer.Stop()
			continue
		}
		s := &server{t: t, url: child.URL}
		s.checkStore(documents, acknowledged)
		child.Kill()
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
