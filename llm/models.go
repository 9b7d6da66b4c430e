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
	chat  *Current
	embed *Embedder
}

// NewModels joins a chat and an embedding model.
func NewModels(chat *Chat, embed *Embedder) *Models { return NewCurrentModels(NewCurrent(chat), embed) }

// NewCurrentModels joins whichever chat model is current and an embedding model.
func NewCurrentModels(chat *Current, embed *Embedder) *Models {
	return &Models{chat: chat, embed: embed}
}

// Chat is the chat model's name for callers.
func (m *Models) Chat() string { return m.chat.Name() }

// Adapters are the names that may stand behind it, after a +.
func (m *Models) Adapters() []string { return m.chat.Adapters() }

// Embedding is the embedding model's name for callers.
func (m *Models) Embedding() string { return m.embed.Name() }

// Forward sends body to path (such as /v1/chat/completions) of one of the
// model's servers (ServerChat or ServerEmbed) and returns its reply of status
// 200 as it comes; everything else is an error. It waits in the same line as
// questions, caller (as in rag.Prompt) beside other callers. Only the model's
// name is changed to the one the server knows, and an adapter (MODEL+ADAPTER) chosen. Closing the reply's body stops the
// generation, as does cancelling ctx. Reads of the body fail when the server stays silent for too long.
func (m *Models) Forward(ctx context.Context, caller, server, path string, body []byte) (*http.Response, error) {
	d := demand{caller: caller}
	switch server {
	case ServerChat:
		chat, release := m.chat.take()
		resp, err := chat.forward(ctx, d, path, body)
		if err != nil {
			release()
			return nil, err
		}
		resp.Body = &closing{ReadCloser: resp.Body, after: release}
		return resp, nil
	case ServerEmbed, "embedding":
		t := m.embed.opts.Timeout
		d.whole = true
		return m.embed.pool.forward(ctx, path, map[string]any{"model": m.embed.opts.Model}, body, d, Timeouts{FirstToken: t, Idle: t, Total: t})
	}
	return nil, fmt.Errorf("forward to %q: there is no such model server", server)
}

// forward passes a request for the model or one of its adapters on.
func (c *Chat) forward(ctx context.Context, d demand, path string, body []byte) (*http.Response, error) {
	limits, asked := c.opts.Timeouts, peek(body)
	fields, adapter, err := c.forwardFields(asked.Model)
	if err != nil {
		return nil, err
	}
	d.prefix, d.whole = adapter+opening(asked.messages()), !asked.Stream
	if !asked.Stream { // the headers come with the last token
		limits.FirstToken, limits.Idle = limits.Total, limits.Total
	}
	c.active.Add(1)
	resp, err := c.pool.forward(ctx, path, fields, body, d, limits)
	if err != nil {
		c.active.Add(-1)
		return nil, err
	}
	resp.Body = &closing{ReadCloser: resp.Body, after: func() { c.active.Add(-1) }}
	return resp, nil
}

// passed is what has to be known of a body that is passed through.
type passed struct {
	Model    string `json:"model"`
	Stream   bool   `json:"stream"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
}

// peek reads what it can; the server will say what is wrong with the rest.
func peek(body []byte) passed {
	var p passed
	_ = json.Unmarshal(body, &p) // see above
	return p
}

func (p passed) messages() []rag.Message {
	out := make([]rag.Message, len(p.Messages))
	for i, m := range p.Messages {
		out[i] = rag.Message{Role: m.Role, Content: string(m.Content)}
	}
	return out
}

func (p *pool) forward(ctx context.Context, path string, fields map[string]any, body []byte, d demand, limits Timeouts) (*http.Response, error) {
	body, err := setFields(body, fields)
	if err != nil {
		return nil, &rag.Error{Code: rag.CodeInvalid, Message: "The body is no JSON object; correct it.", Err: err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, anyServer+strings.TrimPrefix(path, "/v1"), bytes.NewReader(body))
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	total := time.AfterFunc(limits.Total, func() { cancel(errTotal) })
	patience := newPatience(cancel, limits.FirstToken, limits.Idle)
	d.patience = patience
	resp, _, err := p.do(req, d)
	release := func() { total.Stop(); cancel(nil) }
	if err != nil {
		release()
		return nil, err
	}
	patience.heard()
	resp.Body = &closing{ReadCloser: &watched{ReadCloser: resp.Body, words: p.speaker, ctx: ctx, patience: patience}, after: release}
	return resp, nil
}

// watched is a body whose reads are bounded in time and whose errors have a code.
type watched struct {
	io.ReadCloser
	words    speaker
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
		return n, w.words.gaveUp(context.Cause(w.ctx))
	}
	return n, w.words.broken(err)
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
