package clustertest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a client waits for any reply: more is a hang.
const patience = 60 * time.Second

// client calls the server as a program of a user's would.
type client struct {
	t     *testing.T
	serve *process
	http  *http.Client
}

func newClient(t *testing.T, serve *process) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, serve: serve, http: &http.Client{Transport: transport, Timeout: patience}}
}

// reply is what came, or why nothing did.
type reply struct {
	status int
	retry  time.Duration // Retry-After; 0: none
	body   []byte
	took   time.Duration
	err    error
}

func (r reply) String() string {
	return fmt.Sprintf("status %d after %s, Retry-After %s, error %v: %.300s", r.status, r.took.Round(time.Millisecond), r.retry, r.err, r.body)
}

// later tells that the server asked to come again.
func (r reply) later() bool { return r.status == http.StatusServiceUnavailable && r.retry > 0 }

func (c *client) do(method, path, contentType string, body io.Reader) reply {
	began := time.Now()
	req, err := http.NewRequest(method, c.serve.address()+path, body)
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{err: err, took: time.Since(began)}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // without one it is 0
	return reply{status: resp.StatusCode, retry: time.Duration(seconds) * time.Second, body: raw, took: time.Since(began), err: err}
}

// upload sends one document into the store h; id is set when it was acknowledged.
func (c *client) upload(path, content string) (id string, r reply) {
	body := new(bytes.Buffer)
	w := multipart.NewWriter(body)
	part, err := w.CreateFormFile("file", path)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err != nil || w.WriteField("store", "h") != nil || w.Close() != nil {
		return "", reply{err: err}
	}
	r = c.do(http.MethodPost, "/v1/documents", w.FormDataContentType(), body)
	var accepted struct{ Data []document }
	if r.status == http.StatusAccepted && json.Unmarshal(r.body, &accepted) == nil && len(accepted.Data) == 1 {
		id = accepted.Data[0].ID
	}
	return id, r
}

// ask asks over the store h.
func (c *client) ask(question string) reply {
	return c.do(http.MethodPost, "/v1/chat/completions", "application/json",
		strings.NewReader(fmt.Sprintf(`{"model":"test-chat@h","messages":[{"role":"user","content":%q}]}`, question)))
}

type document struct {
	ID, Filename, Status string
	Error                *struct{ Code, Message string }
}

// documents lists the store h; status "" is all.
func (c *client) documents(status string) []document {
	c.t.Helper()
	var all []document
	for after := ""; ; {
		var page struct {
			Data    []document
			HasMore bool   `json:"has_more"`
			LastID  string `json:"last_id"`
		}
		r := c.do(http.MethodGet, "/v1/documents?"+url.Values{"store": {"h"}, "limit": {"100"}, "status": {status}, "after": {after}}.Encode(), "", http.NoBody)
		require.Equal(c.t, http.StatusOK, r.status, "%s", r)
		require.NoError(c.t, json.Unmarshal(r.body, &page))
		all = append(all, page.Data...)
		if !page.HasMore {
			return all
		}
		after = page.LastID
	}
}

// count counts the documents of the store h in a status, as far as the server tells now.
func (c *client) count(status string) int {
	r := c.do(http.MethodGet, "/v1/vector_stores", "", http.NoBody)
	var list struct {
		Data []struct {
			Counts map[string]int `json:"file_counts"`
		}
	}
	if r.status != http.StatusOK || json.Unmarshal(r.body, &list) != nil || len(list.Data) != 1 {
		return 0
	}
	return list.Data[0].Counts[map[string]string{"ready": "completed", "failed": "failed", "waiting": "in_progress"}[status]]
}

// ready waits until a process says that it can work.
func (c *client) ready(p *process, limit time.Duration) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return c.probe(p, "/readyz").status == http.StatusOK }, limit, 50*time.Millisecond, "%s is not ready", p.settings.Dir)
}

// probe gets a path of any process.
func (c *client) probe(p *process, path string) reply {
	return (&client{t: c.t, serve: p, http: c.http}).do(http.MethodGet, path, "", http.NoBody)
}

// rule is the n-th document; each tenth is long.
func rule(n int) string {
	var out strings.Builder
	sections := 1
	if n%10 == 9 {
		sections = 12
	}
	for i := range sections {
		fmt.Fprintf(&out, "# Rule %d.%d\n\nEmployees of unit %d get %d days of annual leave.\n\n%s\n\n", n, i, n, n%40, strings.Repeat("Trips are booked by the travel desk before they begin, and paid by the unit that sends the traveller. ", 6))
	}
	return out.String()
}
