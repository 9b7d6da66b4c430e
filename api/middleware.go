package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// Keys of gin's per-request values.
const (
	keyCaller = "caller"
	keyError  = "error"
)

// requestID is the key of the request's id in its context.
type requestID struct{}

// RequestID is the id of the request that ctx belongs to; empty outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}

// note keeps an error for the log line of the request.
func note(c *gin.Context, err error) { c.Set(keyError, err) }

// record gives the request its id, and logs and counts it when it is done.
// Lines carry ids and sizes, never what was asked or answered.
func (s *Server) record(c *gin.Context) {
	began := s.Now()
	id := s.NewID("req_")
	c.Header("x-request-id", id)
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestID{}, id))
	c.Next()
	err, _ := c.Value(keyError).(error)
	seen := Observation{ID: id, Method: method(c.Request.Method), Route: c.FullPath(), Status: c.Writer.Status(), Code: rag.CodeOf(err), Took: s.Now().Sub(began)}
	if seen.Code == codeGone && !c.Writer.Written() {
		seen.Status = httpErrors[codeGone].status
	}
	s.Observe(c.Request.Context(), seen)
	attrs := []any{"request", id, "method", seen.Method, "route", seen.Route, "status", seen.Status,
		"bytes", max(c.Writer.Size(), 0), "ms", seen.Took.Milliseconds()}
	if key := caller(c).KeyID; key != "" {
		attrs = append(attrs, "key", key)
	}
	level := slog.LevelInfo
	if err != nil {
		attrs = append(attrs, "code", string(seen.Code))
		if p := toProblem(err); p.status >= http.StatusInternalServerError {
			level = slog.LevelError
			attrs = append(attrs, "error", err.Error())
		}
	}
	// Refusals come by the thousand or not at all: the metrics count them.
	if _, quiet := quietRoutes[seen.Route]; (quiet || seen.Code == codeRate) && level == slog.LevelInfo {
		level = slog.LevelDebug
	}
	s.Log.Log(c.Request.Context(), level, "request", attrs...)
}

var quietRoutes = map[string]struct{}{"/healthz": {}, "/readyz": {}, "/metrics": {}}

// method keeps the metrics' labels few, whatever clients make up.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodPut, http.MethodPatch:
		return name
	}
	return "other"
}

// recovered turns a panic into an internal error.
func (s *Server) recovered(c *gin.Context) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		s.Log.Error("panic", "route", c.FullPath(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		err := rag.Fail(rag.CodeInternal, fmt.Sprint("panic: ", v))
		note(c, err)
		if c.Writer.Written() {
			panic(http.ErrAbortHandler) // a reply that was begun must not look complete
		}
		s.fail(c, err)
		c.Abort()
	}()
	c.Next()
}

// secure sets the headers that every reply carries; the web page replaces the
// policy by its own. There is no CORS: other sites cannot read anything.
func secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// reply encodes v once.
func (s *Server) reply(c *gin.Context, status int, v any) {
	data, err := openai.Marshal(v)
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Data(status, "application/json; charset=utf-8", data)
}
