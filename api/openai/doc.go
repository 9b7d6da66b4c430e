// Package openai is OpenAI's wire format as Groundwork speaks it: structs and
// pure conversions. It knows no HTTP framework, no clock and no other package
// of ours; api fills its inputs and sends its outputs.
//
// Everything that Groundwork adds stands in one member, "groundwork", which
// clients of OpenAI ignore.
package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ErrorBody is the envelope of every error.
type ErrorBody struct {
	Error Error `json:"error"`
}

// Error is OpenAI's error object. Param and Code are null when they say nothing.
type Error struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// NewError makes the envelope; empty param and code become null.
func NewError(message, kind, param, code string) ErrorBody {
	return ErrorBody{Error: Error{Message: message, Type: kind, Param: orNull(param), Code: orNull(code)}}
}

// Invalid is a request that cannot be served as it stands: Param names the
// field at fault, Message ends with what to do.
type Invalid struct {
	Param   string
	Message string
	// TooLarge marks a well-formed field that is over its size limit.
	TooLarge bool
}

func (e *Invalid) Error() string { return e.Message }

func invalid(param, format string, args ...any) *Invalid {
	return &Invalid{Param: param, Message: fmt.Sprintf(format, args...)}
}

// Done is the last event of a stream that ended well.
const Done = "data: [DONE]\n\n"

// Pulse is a comment, which clients pass over.
const Pulse = ": \n\n"

// Event is v as one server-sent event; those of responses carry their name.
func Event(v any) ([]byte, error) {
	var b bytes.Buffer
	if e, ok := v.(ResponseEvent); ok {
		b.WriteString("event: " + e.Type + "\n")
	}
	b.WriteString("data: ")
	if err := encode(&b, v); err != nil {
		return nil, err
	}
	b.WriteByte('\n') // after the one that the encoder has written
	return b.Bytes(), nil
}

// Marshal is v as JSON, one line, with <, > and & as they are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := encode(&b, v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func encode(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode reply: %w", err)
	}
	return nil
}

// List is one page of objects.
type List[T any] struct {
	Object  string  `json:"object"`
	Data    []T     `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}

// NewList makes a page; id tells an object's id.
func NewList[T any](data []T, more bool, id func(T) string) List[T] {
	l := List[T]{Object: "list", Data: notNil(data), HasMore: more}
	if len(data) > 0 {
		l.FirstID, l.LastID = orNull(id(data[0])), orNull(id(data[len(data)-1]))
	}
	return l
}

// Deleted confirms a deletion.
type Deleted struct {
	ID         string    `json:"id"`
	Object     string    `json:"object"`
	Deleted    bool      `json:"deleted"`
	Groundwork *Deletion `json:"groundwork,omitempty"`
}

// Deletion is what Deleted says beside OpenAI's fields.
type Deletion struct {
	Receipt Receipt `json:"receipt"`
}

// Receipt is what a deletion removed, by place.
type Receipt struct {
	ID          string  `json:"id"`
	ObjectID    string  `json:"object_id"`
	StoreID     string  `json:"store_id"`
	SHA256      string  `json:"sha256"` // of the original
	RequestedAt int64   `json:"requested_at"`
	DeletedAt   *int64  `json:"deleted_at"` // null while something may be left
	Removed     Removed `json:"removed"`
	Hash        string  `json:"hash,omitempty"` // of the rest
}

// Removed counts what went.
type Removed struct {
	Library struct {
		Versions int `json:"versions"`
		Passages int `json:"passages"`
		Answers  int `json:"answers"`
	} `json:"library"`
	Index struct {
		Chunks  int `json:"chunks"`
		Vectors int `json:"vectors"`
	} `json:"index"`
	Files struct {
		Originals int `json:"originals"`
	} `json:"files"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orNone is attributes as objects show them: never null.
func orNone(attributes map[string]any) map[string]any {
	if attributes == nil {
		return map[string]any{}
	}
	return attributes
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
