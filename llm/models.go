package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"groundwork/rag"
)

// The servers that Forward knows.
const (
	ServerChat  = "chat"
	ServerEmbed = "embed"
)

// Models joins both model servers, as far as the HTTP interface needs them.
type Models struct {
	chat  *Chat
	embed *Embedder
}

// NewModels joins a chat and an embedding model.
func NewModels(chat *Chat, embed *Embedder) *Models { return &Models{chat: chat, embed: embed} }

// Chat is the chat model's name for callers.
func (m *Models) Chat() string { return m.chat.Name() }

// Embedding is the embedding model's name for callers.
func (m *Models) Embedding() string { return m.embed.Name() }

// Forward sends body to path (such as /v1/chat/completions) of a server (ServerChat or ServerEmbed) and
// returns its reply of status 200 as it comes; everything else is an error.
// Only the model's name is changed to the one the server knows. The caller
// closes the body, which stops the generation, as does cancelling ctx. Reads
// of the body fail when the server stays silent for too long.
func (m *Models) Forward(ctx context.Context, server, path string, body []byte) (*http.Response, error) {
	switch server {
	case ServerChat:
		limits := m.chat.opts.Timeouts
		if !streamed(body) { // the headers come with the last token
			limits.FirstToken, limits.Idle = limits.Total, limits.Total
		}
		m.chat.active.Add(1)
		resp, err := m.chat.client.forward(ctx, m.chat.opts.Model, path, body, limits)
		if err != nil {
			m.chat.active.Add(-1)
			return nil, err
		}
		resp.Body = &closing{ReadCloser: resp.Body, after: func() { m.chat.active.Add(-1) }}
		return resp, nil
	case ServerEmbed, "embedding":
		t := m.embed.opts.Timeout
		return m.embed.client.forward(ctx, m.embed.opts.Model, path, body, Timeouts{FirstToken: t, Idle: t, Total: t})
	}
	return nil, fmt.Errorf("forward to %q: there is no such model server", server)
}

func streamed(body []byte) bool {
	var b struct {
		Stream bool `json:"stream"`
	}
	return json.Unmarshal(body, &b) == nil && b.Stream
}

func (c *client) forward(ctx context.Context, model, path string, body []byte, limits Timeouts) (*http.Response, error) {
	body, err := setFields(body, map[string]any{"model": model})
	if err != nil {
		return nil, &rag.Error{Code: rag.CodeInvalid, Message: "The body is no JSON object; correct it.", Err: err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+strings.TrimPrefix(path, "/v1"), bytes.NewReader(body))
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	total := time.AfterFunc(limits.Total, func() { cancel(errTotal) })
	p := newPatience(cancel, limits.FirstToken, limits.Idle)
	stop := p.start()
	resp, err := c.do(req)
	stop()
	release := func() { total.Stop(); cancel(nil) }
	if err != nil {
		release()
		return nil, err
	}
	p.heard()
	resp.Body = &closing{ReadCloser: &watched{ReadCloser: resp.Body, c: c, ctx: ctx, patience: p}, after: release}
	return resp, nil
}

// watched is a body whose reads are bounded in time and whose errors have a code.
type watched struct {
	io.ReadCloser
	c        *client
	ctx      context.Context
	patience *patience
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	stop := w.patience.start()
	n, err := w.ReadCloser.Read(p)
	stop()
	if n > 0 {
		w.patience.heard()
	}
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case w.ctx.Err() != nil:
		return n, w.c.gaveUp(context.Cause(w.ctx))
	}
	return n, w.c.broken(err)
}

// closing runs after once when the body is closed.
type closing struct {
	io.ReadCloser
	once  sync.Once
	after func()
}

// Close implements io.Closer.
func (c *closing) Close() error {
	defer c.once.Do(c.after)
	return c.ReadCloser.Close()
}
