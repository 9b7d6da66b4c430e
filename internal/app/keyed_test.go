package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
)

// keyed uploads a document and waits for it.
func (s *server) keyed(key, path string) (status int, id string, err error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", path)
	if err != nil {
		return 0, "", err
	}
	fmt.Fprintf(part, "# %s\n\nThe tide of %s comes at noon.", path, path)
	if err := form.Close(); err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/v1/documents?store=tides&wait=ready&timeout=2m", &body)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", err
	}
	var out struct{ Data []struct{ ID, Status string } }
	if err := json.Unmarshal(raw, &out); err != nil || len(out.Data) != 1 || out.Data[0].Status != "ready" {
		return resp.StatusCode, "", fmt.Errorf("%d %s", resp.StatusCode, raw)
	}
	return resp.StatusCode, out.Data[0].ID, nil
}

// TestMoreKeyedUploadsAtOnceThanConnections: each waits until its document is ready, and eight retries of one come beside.
func TestMoreKeyedUploadsAtOnceThanConnections(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.Store.SQL = configs.Secret(pgtest.URL(t))
	s := start(t, cfg)
	const uploads, retries = 24, 8
	ids := make([]string, uploads+retries)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			name := fmt.Sprint(min(i, uploads-1))
			status, id, err := s.keyed("key-"+name, name+".md")
			if ids[i] = id; err != nil || status != http.StatusOK {
				t.Error(i, status, err)
			}
		})
	}
	all.Wait()
	for i := range retries {
		require.Equal(t, ids[uploads-1], ids[uploads+i])
	}
	require.Len(t, s.listed("tides"), uploads)
}
