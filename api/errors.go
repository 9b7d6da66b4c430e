package api

import (
	"context"
	"errors"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// Codes of errors that only HTTP knows.
const (
	codeRoute    rag.Code = "unknown_url"
	codeMethod   rag.Code = "method_not_allowed"
	codeRate     rag.Code = "rate_limit_exceeded"
	codeOrigin   rag.Code = "cross_site_request"
	codeSlow     rag.Code = "request_timeout" // the client took too long to send
	codeShutdown rag.Code = "shutting_down"
	codeGone     rag.Code = "client_closed_request" // only in the log: nobody is there to read it
)

// kinds are OpenAI's error types.
const (
	kindRequest    = "invalid_request_error"
	kindAuth       = "authentication_error"
	kindPermission = "permission_error"
	kindRate       = "rate_limit_error"
	kindServer     = "server_error"
)

// httpErrors is the one place where a code becomes HTTP. A code that is not
// here is internal.
var httpErrors = map[rag.Code]struct {
	status int
	kind   string
}{
	rag.CodeInvalid:         {http.StatusBadRequest, kindRequest},
	rag.CodeUnauthorized:    {http.StatusUnauthorized, kindAuth},
	rag.CodeForbidden:       {http.StatusForbidden, kindPermission},
	rag.CodeNotFound:        {http.StatusNotFound, kindRequest},
	rag.CodeModel:           {http.StatusNotFound, kindRequest},
	rag.CodeConflict:        {http.StatusConflict, kindRequest},
	rag.CodeReused:          {http.StatusUnprocessableEntity, kindRequest},
	rag.CodeTooLarge:        {http.StatusRequestEntityTooLarge, kindRequest},
	rag.CodeTooLong:         {http.StatusBadRequest, kindRequest},
	rag.CodeBusy:            {http.StatusServiceUnavailable, kindServer},
	rag.CodeUnavailable:     {http.StatusServiceUnavailable, kindServer},
	rag.CodeTimeout:         {http.StatusGatewayTimeout, kindServer},
	rag.CodeFull:            {http.StatusInsufficientStorage, kindServer},
	rag.CodeUnsupportedFile: {http.StatusUnsupportedMediaType, kindRequest},
	rag.CodeInvalidFile:     {http.StatusUnprocessableEntity, kindRequest},
	rag.CodeEmptyFile:       {http.StatusUnprocessableEntity, kindRequest},
	rag.CodeEncrypted:       {http.StatusUnprocessableEntity, kindRequest},
	rag.CodeNoText:          {http.StatusUnprocessableEntity, kindRequest},
	rag.CodeParseLimit:      {http.StatusUnprocessableEntity, kindRequest},
	rag.CodeEmbedding:       {http.StatusServiceUnavailable, kindServer},
	rag.CodeOriginal:        {http.StatusInternalServerError, kindServer},
	rag.CodeInternal:        {http.StatusInternalServerError, kindServer},
	codeRoute:               {http.StatusNotFound, kindRequest},
	codeMethod:              {http.StatusMethodNotAllowed, kindRequest},
	codeRate:                {http.StatusTooManyRequests, kindRate},
	codeOrigin:              {http.StatusForbidden, kindPermission},
	codeSlow:                {http.StatusRequestTimeout, kindRequest},
	codeShutdown:            {http.StatusServiceUnavailable, kindServer},
	codeGone:                {499, kindRequest},
}

var (
	errShutdown = &rag.Error{Code: codeShutdown, RetryAfter: 5 * time.Second,
		Message: "The server is shutting down before this was finished. Send the request again in a few seconds."}
	errGone = rag.Fail(codeGone, "The client closed the connection.")
)

// problem is an error as a client sees it.
type problem struct {
	status int
	body   openai.ErrorBody
	code   rag.Code
	retry  time.Duration
}

func toProblem(err error) problem {
	e := &rag.Error{}
	if !errors.As(err, &e) {
		e = &rag.Error{Code: rag.CodeInternal}
	}
	entry, known := httpErrors[e.Code]
	if !known || e.Code == rag.CodeInternal {
		entry = httpErrors[rag.CodeInternal]
		e = rag.Fail(rag.CodeInternal, "Something went wrong inside the server. Try again; if it happens again, give the operator the x-request-id of this reply.")
	}
	retry := e.RetryAfter
	if retry == 0 && entry.status == http.StatusServiceUnavailable {
		retry = comeBack
	}
	return problem{entry.status, openai.NewError(e.Message, entry.kind, e.Param, string(e.Code)), e.Code, retry}
}

// comeBack is when to try again what is refused for a while that nobody knows.
const comeBack = 2 * time.Second

// fail writes err as status and envelope and keeps it for the log.
func (s *Server) fail(c *gin.Context, err error) {
	err = explain(c.Request.Context(), err)
	note(c, err)
	p := toProblem(err)
	if c.Writer.Written() {
		return // a handler that has begun a reply ends it itself
	}
	c.Writer.Header().Del("Server-Timing")
	setRetry(c.Writer.Header(), p)
	if p.status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="groundwork"`)
	}
	s.reply(c, p.status, p.body)
}

func setRetry(h http.Header, p problem) {
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retry.Seconds()))))
	}
}

// explain replaces what a cancelled context made of an error by the reason for
// the cancelling, and errors of reading a body by ones with advice.
func explain(ctx context.Context, err error) error {
	if rag.CodeOf(err) == codeSlow {
		return err // net/http cancels the context as well
	}
	if ctx.Err() != nil {
		var known *rag.Error
		if cause := context.Cause(ctx); errors.As(cause, &known) {
			return cause
		}
		return errGone
	}
	var tooLarge *http.MaxBytesError
	var known *rag.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &tooLarge):
		return &rag.Error{Code: rag.CodeTooLarge, Err: err, Message: "The request body is larger than " + size(tooLarge.Limit) + ". Send less at once."}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, multipart.ErrMessageTooLarge):
		return &rag.Error{Code: rag.CodeInvalid, Err: err, Message: "The request body ends too early or is not well formed. Send it again."}
	}
	return err
}

// refuse turns what openai found wrong into a domain error.
func refuse(bad *openai.Invalid) error {
	if bad == nil {
		return nil
	}
	code := rag.CodeInvalid
	if bad.TooLarge {
		code = rag.CodeTooLarge
	}
	return &rag.Error{Code: code, Message: bad.Message, Param: bad.Param}
}

func badParam(param, message string) error {
	return &rag.Error{Code: rag.CodeInvalid, Message: message, Param: param}
}

// size is n bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

func (s *Server) noRoute(c *gin.Context) {
	s.fail(c, rag.Fail(codeRoute, "There is nothing at "+c.Request.URL.Path+". GET /openapi.json describes every address."))
}

func (s *Server) noMethod(c *gin.Context) {
	if c.Request.Method == "OPTIONS" {
		c.Status(http.StatusNoContent) // with gin's Allow header
		c.Writer.WriteHeaderNow()
		return
	}
	s.fail(c, rag.Fail(codeMethod, c.Request.Method+" is not possible here. The Allow header names what is."))
}
