package llmtest

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Message is one turn of a chat request.
type Message struct {
	Role    string
	Content string
}

// Request is one call that the server got.
type Request struct {
	Method string
	Path   string
	Header http.Header
	Body   []byte

	// What the body says, as far as it says it.
	Model       string
	Messages    []Message
	Prompt      string // of /v1/completions
	Input       []string
	Query       string   // of a reranking
	Documents   []string // likewise
	Stream      bool
	MaxTokens   int
	CachePrompt bool   // true unless switched off
	Adapter     string // of Options.Adapters, chosen by lora or by the model's name; empty: the base, or nothing was said
	Lora        bool   // the body says which adapters to use
	dimensions  int    // that an embedding is asked to have
	usage       bool
	base64      bool
	logprobs    bool
	malformed   bool // no JSON
	texts       bool // the documents were named as TEI names them
}

// Requests are the calls so far, oldest first; with paths, only those.
func (s *Server) Requests(paths ...string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(paths) == 0 {
		return slices.Clone(s.requests)
	}
	var out []Request
	for _, r := range s.requests {
		if slices.Contains(paths, r.Path) {
			out = append(out, r)
		}
	}
	return out
}

// Cancelled delivers every generation that ended because its client hung up.
func (s *Server) Cancelled() <-chan Request { return s.cancelled }

func (s *Server) record(r *http.Request, body []byte) Request {
	req := Request{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: body}
	req.decode(s.opts.Adapters)
	if s.opts.KeepNothing {
		return req
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, req)
	return req
}

// decode is lenient: what does not parse stays empty.
func (req *Request) decode(adapters []string) {
	var b struct {
		Model    string `json:"model"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Prompt        json.RawMessage `json:"prompt"`
		Input         json.RawMessage `json:"input"`
		Query         string          `json:"query"`
		Documents     []string        `json:"documents"`
		Texts         []string        `json:"texts"`
		Stream        bool            `json:"stream"`
		MaxTokens     int             `json:"max_tokens"`
		MaxCompletion int             `json:"max_completion_tokens"`
		CachePrompt   *bool           `json:"cache_prompt"`
		Encoding      string          `json:"encoding_format"`
		Dimensions    int             `json:"dimensions"`
		Logprobs      any             `json:"logprobs"`
		Lora          []struct {
			ID    int     `json:"id"`
			Scale float64 `json:"scale"`
		} `json:"lora"`
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	var bad *json.SyntaxError
	req.malformed = errors.As(json.Unmarshal(req.Body, &b), &bad)
	req.Model, req.Stream, req.MaxTokens = b.Model, b.Stream, max(b.MaxTokens, b.MaxCompletion)
	req.CachePrompt = b.CachePrompt == nil || *b.CachePrompt
	req.dimensions = b.Dimensions
	if slices.Contains(adapters, b.Model) {
		req.Adapter = b.Model
	}
	req.Lora = b.Lora != nil
	for _, l := range b.Lora {
		if l.Scale != 0 && l.ID < len(adapters) {
			req.Adapter = adapters[l.ID]
		}
	}
	req.Query, req.Documents, req.texts = b.Query, slices.Concat(b.Documents, b.Texts), b.Texts != nil
	req.usage, req.base64 = b.StreamOptions.IncludeUsage, b.Encoding == "base64"
	req.logprobs = b.Logprobs != nil && b.Logprobs != false
	for _, m := range b.Messages {
		req.Messages = append(req.Messages, Message{Role: m.Role, Content: text(m.Content)})
	}
	if req.Prompt = text(b.Prompt); req.Prompt == "" {
		var list []string
		_ = json.Unmarshal(b.Prompt, &list)
		req.Prompt = strings.Join(list, "")
	}
	if json.Unmarshal(b.Input, &req.Input) != nil && len(b.Input) > 0 {
		req.Input = []string{text(b.Input)}
	}
}

// text reads a string, or the text parts of OpenAI's list form.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(raw, &parts)
	for _, p := range parts {
		s += p.Text
	}
	return s
}
