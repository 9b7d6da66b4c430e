package faulttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// storeName is the one store of these tests.
const storeName = "h"

// patience is how long a client waits for a reply: more is a hang.
const patience = time.Minute

// client calls a server as a user's program would.
type client struct {
	url  string
	http *http.Client
}

func newClient(url string) *client {
	return &client{url: url, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}}
}

// refusal is a reply that is not the good one.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %.400s", r.status, r.body) }

func (c *client) call(ctx context.Context, method, path, contentType string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, raw, err
}

// get decodes a reply with status 200 into out.
func (c *client) get(ctx context.Context, method, path string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	status, raw, err := c.call(ctx, method, path, "application/json", bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return &refusal{status, string(raw)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

// upload gives the id that was acknowledged.
func (c *client) upload(ctx context.Context, path, content string) (id string, err error) {
	return c.send(ctx, "/v1/documents", path, content)
}

// finished is upload that waits some time until the document is worked off.
func (c *client) finished(ctx context.Context, path, content string) (id string, err error) {
	return c.send(ctx, "/v1/documents?wait=ready&timeout=10s", path, content)
}

func (c *client) send(ctx context.Context, to, path, content string) (id string, err error) {
	body := new(bytes.Buffer)
	w := multipart.NewWriter(body)
	if err := w.WriteField("store", storeName); err != nil {
		return "", err
	}
	part, err := w.CreateFormFile("file", path)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", err
	}
	status, raw, err := c.call(ctx, http.MethodPost, to, w.FormDataContentType(), body)
	if err != nil {
		return "", err
	}
	var reply struct{ Data []document }
	if err := json.Unmarshal(raw, &reply); err != nil || status >= http.StatusMultipleChoices || len(reply.Data) != 1 || reply.Data[0].ID == "" {
		return "", &refusal{status, string(raw)}
	}
	return reply.Data[0].ID, nil
}

// remove deletes a document.
func (c *client) remove(ctx context.Context, id string) error {
	return c.get(ctx, http.MethodDelete, "/v1/documents/"+url.PathEscape(id)+"?store="+storeName, nil, nil)
}

type document struct {
	ID, Filename, Status, SHA256 string
	Version, Chunks              int
	Live                         *int `json:"live_version"`
	Error                        *struct{ Code, Message string }
	AttachedTo                   string `json:"attached_to"`
}

func (d document) done() bool { return d.Status == "ready" || d.Status == "failed" }

// documents are all of the store; none while the store does not exist.
func (c *client) documents(ctx context.Context) ([]document, error) {
	var all []document
	for after := ""; ; {
		var page struct {
			Data    []document
			HasMore bool   `json:"has_more"`
			LastID  string `json:"last_id"`
		}
		err := c.get(ctx, http.MethodGet, "/v1/documents?"+url.Values{"store": {storeName}, "limit": {"100"}, "after": {after}}.Encode(), nil, &page)
		if r, ok := err.(*refusal); ok && r.status == http.StatusNotFound { //nolint:errorlint // it comes from get, bare
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, page.Data...); !page.HasMore {
			return all, nil
		}
		after = page.LastID
	}
}

// text is the searchable text of a document.
func (c *client) text(ctx context.Context, id string) (string, error) {
	status, raw, err := c.call(ctx, http.MethodGet, "/v1/files/"+url.PathEscape(id)+"/text", "", http.NoBody)
	if err == nil && status != http.StatusOK {
		err = &refusal{status, string(raw)}
	}
	return string(raw), err
}

// find searches one path and gives the texts of all passages, in no order.
func (c *client) find(ctx context.Context, path string) ([]string, error) {
	var found struct {
		Data []struct{ Text string }
	}
	err := c.get(ctx, http.MethodPost, "/v1/search", map[string]any{
		"store": storeName, "query": "part of " + strings.TrimSuffix(path, ".md"), "k": 50,
		"filters": map[string]any{"type": "eq", "key": "groundwork.path", "value": path},
	}, &found)
	var texts []string
	for _, hit := range found.Data {
		texts = append(texts, hit.Text)
	}
	return texts, err
}
