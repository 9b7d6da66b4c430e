package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"groundwork/rag"
)

// The reasons for which a request is given up here.
var (
	errFirstToken = errors.New("no token within the first-token limit")
	errIdle       = errors.New("no token within the idle limit")
	errTotal      = errors.New("the whole reply took longer than its limit")
	errClosed     = errors.New("the model client was closed")
)

// errNotJSON is a reply of status 200 that cannot be read.
var errNotJSON = errors.New("the reply is not the expected JSON")

// The ways in which a stream is wrong.
var (
	errCut       = errors.New("the stream ended without finish_reason and [DONE]")
	errLine      = errors.New("a line of the stream is too long")
	errUTF8      = errors.New("the reply is not UTF-8")
	errMalformed = errors.New("the stream holds something that is not JSON")
	errReported  = errors.New("the model server reported an error in its stream")
)

// speaker words errors about one kind of model server.
type speaker struct {
	kind string // for messages
	key  string // name of the configuration section: for messages
}

func newSpeaker(kind string) speaker {
	return speaker{kind: kind, key: map[string]string{kindChat: "llm.chat", kindEmbed: "llm.embed", kindRerank: "llm.rerank"}[kind]}
}

func (c speaker) fail(code rag.Code, err error, format string, args ...any) *rag.Error {
	e := &rag.Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
	if code == rag.CodeBusy || code == rag.CodeUnavailable {
		e.RetryAfter = retryAfter
	}
	return e
}

// transportError is for a request that got no reply, or not all of it. What
// the caller did (hung up, ran out of time) is not the server's fault.
func (c speaker) transportError(ctx context.Context, err error) error {
	var known *rag.Error
	if errors.As(err, &known) {
		return err
	}
	if ctx.Err() != nil {
		return c.gaveUp(context.Cause(ctx))
	}
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errTooBig):
		return c.nonsense(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return c.fail(rag.CodeUnavailable, err, "The %s model server did not answer; check that it runs and that %s.base_url is right, then try again.", c.kind, c.key)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return c.fail(rag.CodeUnavailable, err, "The %s model server broke off in the middle of its reply; try again.", c.kind)
	}
	return c.fail(rag.CodeUnavailable, err, "The %s model server cannot be reached; check that it runs and that %s.base_url is right, then try again.", c.kind, c.key)
}

// gaveUp turns the reason for which a request was cancelled into an error.
func (c speaker) gaveUp(cause error) error {
	switch {
	case errors.Is(cause, errFirstToken):
		return c.fail(rag.CodeTimeout, cause, "The %s model server sent nothing in time; try again later, ask a shorter question or use a smaller model.", c.kind)
	case errors.Is(cause, errIdle):
		return c.fail(rag.CodeTimeout, cause, "The %s model server fell silent in the middle of its reply; try again.", c.kind)
	case errors.Is(cause, errTotal), errors.Is(cause, context.DeadlineExceeded):
		return c.fail(rag.CodeTimeout, cause, "The %s model server took too long; try again later or ask for a shorter reply.", c.kind)
	case errors.Is(cause, errClosed):
		return c.fail(rag.CodeUnavailable, cause, "The server is stopping; try again in a moment.")
	}
	return fmt.Errorf("%s model: %w", c.kind, cause)
}

// nonsense is for a reply that came and makes no sense.
func (c speaker) nonsense(err error) error {
	return c.fail(rag.CodeUnavailable, err, "The %s model server does not speak OpenAI's protocol as expected; check %s.base_url and the server's log.", c.kind, c.key)
}

// refusal is the error body of the common servers.
type refusal struct {
	Error struct {
		Message      string `json:"message"`
		Type         string `json:"type"`
		Code         any    `json:"code"`
		Param        any    `json:"param"`
		PromptTokens int    `json:"n_prompt_tokens"`
		Window       int    `json:"n_ctx"`
	} `json:"error"`
	Message string `json:"message"` // vLLM's older shape
}

func (r refusal) text() string {
	s := r.Error.Message
	if s == "" {
		s = r.Message
	}
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

func (r refusal) tooLong() bool {
	text := strings.ToLower(r.text())
	return r.Error.Type == "exceed_context_size_error" || r.Error.Code == "context_length_exceeded" ||
		strings.Contains(text, "maximum context length") || strings.Contains(text, "context size")
}

// statusCause is a reply with a status other than 200. What the server says
// about it stays out of the cause, which ends in logs: servers quote requests.
type statusCause struct {
	Status int
	path   string
}

func (s *statusCause) Error() string {
	return fmt.Sprintf("status %d from %s", s.Status, s.path)
}

// statusError is for a reply with a status other than 200; it reads a part of the body.
func (c speaker) statusError(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		raw = nil // the status says enough
	}
	var body refusal
	if utf8.Valid(raw) {
		_ = json.Unmarshal(raw, &body) // a foreign shape leaves it empty
	}
	cause := &statusCause{Status: resp.StatusCode, path: resp.Request.URL.Path}
	switch code := resp.StatusCode; {
	case code == http.StatusBadRequest && body.tooLong():
		return c.tooLong(body, cause)
	case c.kind == kindEmbed && body.Error.Param == "dimensions" && code == http.StatusBadRequest:
		e := c.fail(rag.CodeInvalid, cause, "The embedding model's vectors cannot have that many dimensions; leave dimensions out.")
		e.Param = "dimensions"
		return e
	case c.kind != kindChat && (code == http.StatusBadRequest || code == http.StatusUnprocessableEntity): // its text may quote a document
		return c.fail(rag.CodeInvalid, cause, "The %s model server refused the request; look into its log.", c.kind)
	case code == http.StatusInternalServerError && strings.Contains(body.text(), "input is not supported"): // llama.cpp's word for pictures and sound
		cause.Status = http.StatusBadRequest // it is the request that is wrong, not the server
		e := c.fail(rag.CodeInvalid, cause, "The %s model takes text only; leave pictures and sound out.", c.kind)
		e.Param = "messages"
		return e
	case code == http.StatusBadRequest && strings.Contains(strings.ToLower(body.text()), "system role"): // Gemma's template, in vLLM
		return c.fail(rag.CodeUnavailable, cause, "The %s model's template refuses the system role; set %s.system_role to false.", c.kind, c.key)
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		return c.fail(rag.CodeInvalid, cause, "The %s model server refused the request (%s); change the request.", c.kind, body.text())
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return c.fail(rag.CodeUnavailable, cause, "The %s model server refused the key; set %s.api_key.", c.kind, c.key)
	case code == http.StatusNotFound:
		return c.fail(rag.CodeUnavailable, cause, "The %s model server does not have the model or the route; set %s.model to a name of its /v1/models and check %s.base_url.", c.kind, c.key, c.key)
	case code == http.StatusTooManyRequests:
		e := c.fail(rag.CodeBusy, cause, "The %s model server is busy; try again in a moment.", c.kind)
		e.RetryAfter = wait(resp.Header)
		return e
	case code >= 300 && code < 400:
		return c.fail(rag.CodeUnavailable, cause, "The %s model server redirects elsewhere, which is refused; set %s.base_url to the final address.", c.kind, c.key)
	case code == http.StatusServiceUnavailable:
		e := c.fail(rag.CodeUnavailable, cause, "The %s model server is not ready; try again in a moment.", c.kind)
		e.RetryAfter = wait(resp.Header)
		return e
	}
	return c.fail(rag.CodeUnavailable, cause, "The %s model server failed; try again, and look into its log.", c.kind)
}

func (c speaker) tooLong(body refusal, cause error) error {
	if body.Error.Window == 0 {
		return c.fail(rag.CodeTooLong, cause, "The prompt does not fit into the model's window; shorten the question or the conversation.")
	}
	return c.fail(rag.CodeTooLong, cause, "The prompt has %d tokens and the model's window %d; shorten the question or the conversation.",
		body.Error.PromptTokens, body.Error.Window)
}

// wait reads Retry-After in seconds, within reason.
func wait(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 1 || n > 3600 {
		return retryAfter
	}
	return time.Duration(n) * time.Second
}
