package llm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"groundwork/rag"
)

// stream hands a reply on line by line, and ends with an error where
// langchaingo would pass over a fault: lines that are no JSON, bytes that are
// no UTF-8, an error event, an end that is none.
type stream struct {
	x     *exchange
	ctx   context.Context
	body  io.ReadCloser
	lines *lines
	rest  []byte // of the current line
	err   error
}

func newStream(x *exchange, ctx context.Context, body io.ReadCloser) *stream {
	return &stream{x: x, ctx: ctx, body: body, lines: newLines(body)}
}

// Close drops the connection, which stops the generation.
func (s *stream) Close() error { return s.body.Close() }

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.next()
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next puts the next line with data into rest, or sets err. Lines that have
// come already go along.
func (s *stream) next() {
	stop := s.x.patience.start()
	line, err := s.lines.next()
	stop()
	if err != nil {
		s.err = s.end(err)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	if text := bytes.TrimSpace(line); bytes.HasPrefix(text, []byte("error:")) {
		s.err = s.x.fail(s.x.words.reported(bytes.TrimPrefix(text, []byte("error:"))))
	} else if payload, ok := bytes.CutPrefix(text, []byte("data:")); ok {
		piece, bad := s.x.see(bytes.TrimSpace(payload))
		if bad != nil {
			s.err = s.x.fail(bad)
			return
		}
		s.rest = line
		if piece != "" && s.err == nil {
			s.gather(piece)
		}
	}
}

// gather joins the piece in rest with those that have come already. When there
// is more to do than processor time, pieces come faster than they go out; each
// on its own would cost its way through everything down to the client.
func (s *stream) gather(piece string) {
	all, tail := piece, []byte(nil)
	for line := s.lines.here(); line != nil && tail == nil; line = s.lines.here() {
		text := bytes.TrimSpace(line)
		payload, ok := bytes.CutPrefix(text, []byte("data:"))
		if !ok && len(text) > 0 {
			break // is for next
		}
		s.lines.skip(line)
		if !ok {
			continue
		}
		more, bad := s.x.see(bytes.TrimSpace(payload))
		if bad != nil {
			s.err = s.x.fail(bad) // after the pieces
			break
		}
		if all += more; more == "" {
			tail = line
		}
	}
	event := s.rest
	if len(all) > len(piece) {
		text, _ := json.Marshal(all) // strings always marshal
		event = append(append([]byte(joinedEvent), text...), "}}]}\n\n"...)
	}
	s.rest = slices.Concat(event, tail)
}

// joinedEvent is how the event of joined pieces begins.
const joinedEvent = `data: {"choices":[{"index":0,"delta":{"content":`

// end tells what the error of the last read means.
func (s *stream) end(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF // whether the reply was complete is for outcome to say
	case errors.Is(err, bufio.ErrBufferFull):
		return s.x.fail(s.x.words.broken(errLine))
	case s.ctx.Err() != nil:
		return s.x.fail(s.x.words.gaveUp(context.Cause(s.ctx)))
	}
	return s.x.fail(s.x.words.broken(err))
}

// event is one object of the stream.
type event struct {
	Choices []struct {
		Delta struct {
			Content   string          `json:"content"`
			Reasoning string          `json:"reasoning_content"`
			ToolCalls json.RawMessage `json:"tool_calls"`
		} `json:"delta"`
		Text         string          `json:"text"` // of /v1/completions
		FinishReason string          `json:"finish_reason"`
		Logprobs     json.RawMessage `json:"logprobs"`
	} `json:"choices"`
	Timings timings         `json:"timings"`
	Usage   json.RawMessage `json:"usage"`
	Error   json.RawMessage `json:"error"`
}

// piece is the text of an event that holds nothing else, else empty.
func (e event) piece() string {
	if len(e.Choices) != 1 || len(e.Usage) > 0 && string(e.Usage) != "null" {
		return ""
	}
	c := e.Choices[0]
	if c.Text != "" || c.Delta.Reasoning != "" || len(c.Delta.ToolCalls) > 0 || c.FinishReason != "" {
		return ""
	}
	return c.Delta.Content
}

// see reads one payload; an error means that the reply is void. An event that
// is a piece of text and nothing else gives it.
func (x *exchange) see(payload []byte) (piece string, err error) {
	if string(payload) == "[DONE]" {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.ended = true
		return "", nil
	}
	if !utf8.Valid(payload) {
		return "", x.words.broken(errUTF8)
	}
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return "", x.words.broken(errMalformed)
	}
	if len(e.Error) > 0 && string(e.Error) != "null" {
		return "", x.words.reported(payload)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.Timings.PromptN > 0 {
		x.timings = e.Timings
	}
	if len(e.Choices) == 0 {
		return "", nil
	}
	x.logprobs = x.logprobs || len(e.Choices[0].Logprobs) > 0 && string(e.Choices[0].Logprobs) != "null"
	if e.begins() {
		x.patience.heard()
	}
	if reason := e.Choices[0].FinishReason; reason != "" {
		return "", x.finished(reason)
	}
	return e.piece(), nil
}

// begins tells whether the event carries a piece of the answer, or its end.
func (e event) begins() bool {
	if len(e.Choices) == 0 {
		return false
	}
	c := e.Choices[0]
	return c.Text != "" || c.Delta.Content != "" || c.Delta.Reasoning != "" || len(c.Delta.ToolCalls) > 0 || c.FinishReason != ""
}

// finished takes the servers' words for a proper end; any other is an error.
func (x *exchange) finished(reason string) error {
	switch reason {
	case "stop", "eos", "stop_sequence", "end_turn":
		x.finish = "stop"
	case "length", "max_tokens":
		x.finish = "length"
	default:
		return x.words.fail(rag.CodeUnavailable, nil, "The chat model ended its reply with %q, which is no answer; change the question.", reason)
	}
	return nil
}

// broken is for a stream that started and went wrong.
func (c speaker) broken(err error) error {
	return c.fail(rag.CodeUnavailable, err, "The %s model server broke off or garbled its reply; ask again.", c.kind)
}

// reported turns an error event into an error.
func (c speaker) reported(payload []byte) error {
	var body refusal
	_ = json.Unmarshal(payload, &body) // a foreign shape leaves it empty
	if body.tooLong() {
		return c.tooLong(body, errReported)
	}
	return c.broken(errReported) // without its text, which may quote the request
}
