package rag

import (
	"errors"
	"time"
)

// Code says what went wrong, for programs. api turns it into an HTTP status.
type Code string

// The codes. Those of a failed document are also its error code.
const (
	CodeInvalid      Code = "invalid_request"
	CodeUnauthorized Code = "invalid_api_key"
	CodeForbidden    Code = "insufficient_scope" // the key's verbs do not cover the call; a missing object is CodeNotFound
	CodeNotFound     Code = "not_found"
	CodeModel        Code = "model_not_found"
	CodeConflict     Code = "conflict"
	CodeReused       Code = "idempotency_key_reused" // for another request
	CodeTooLarge     Code = "too_large"
	CodeTooLong      Code = "context_length_exceeded"
	CodeBusy         Code = "overloaded"  // 429 or 503 with Retry-After
	CodeUnavailable  Code = "unavailable" // a model server, the database, the index or the file store is down or not ready
	CodeTimeout      Code = "timeout"     // a model server or a wait took too long
	CodeFull         Code = "insufficient_storage"
	CodeInternal     Code = "internal_error"

	CodeUnsupportedFile Code = "unsupported_file"
	CodeInvalidFile     Code = "invalid_file"
	CodeEmptyFile       Code = "empty_file"
	CodeEncrypted       Code = "encrypted"
	CodeNoText          Code = "no_text"     // a scan without a text layer
	CodeParseLimit      Code = "parse_limit" // the parser hit its time, memory or output limit
	CodeEmbedding       Code = "embedding_failed"
	CodeOriginal        Code = "original_lost" // the stored original is missing or damaged
)

// Error is an error with two audiences: Code and Message are for the user
// (Message ends with what to do), Err is the cause for the operator's log.
type Error struct {
	Code       Code
	Message    string
	Param      string        // the request field at fault, when there is one
	RetryAfter time.Duration // for CodeBusy and CodeUnavailable
	Err        error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Fail makes an Error for the user.
func Fail(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// CodeOf is the code of the first Error in err's chain, CodeInternal when
// there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
