package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// body reads a JSON request within its limits: the members, and the bytes as they came.
func (s *Server) body(c *gin.Context) (openai.Fields, []byte, error) {
	if c.Request.ContentLength > s.opts.MaxJSON {
		return nil, nil, &http.MaxBytesError{Limit: s.opts.MaxJSON}
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, s.opts.MaxJSON))
	if err != nil {
		return nil, nil, fmt.Errorf("read request: %w", err)
	}
	fields, bad := openai.Decode(data, s.opts.MaxJSONDepth)
	return fields, data, refuse(bad)
}

var (
	errTotal = rag.Fail(rag.CodeTimeout, "The answer took longer than the server allows. Ask for less, or set max_tokens lower.")
	errIdle  = rag.Fail(rag.CodeTimeout, "The model server stopped in the middle of the answer. Ask again.")
)

// bounded ends a context when the whole of an answer takes too long.
func (s *Server) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.opts.StreamTotal, errTotal)
}

// watch ends the context when alive is not called for idle; it begins with the first call.
func watch(ctx context.Context, idle time.Duration) (watched context.Context, alive, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	var timer *time.Timer
	alive = func() {
		if timer == nil {
			timer = time.AfterFunc(idle, func() { cancel(errIdle) })
			return
		}
		timer.Reset(idle)
	}
	stop = func() {
		if timer != nil {
			timer.Stop()
		}
		cancel(nil)
	}
	return watched, alive, stop
}

// pageOf reads limit, after and order; most is what the interface allows, of
// which at most 100 are given at once.
func pageOf(query url.Values, most, usual int) (rag.Page, error) {
	page := rag.Page{Limit: usual, After: query.Get("after"), Ascending: query.Get("order") == "asc"}
	if order := query.Get("order"); order != "" && order != "asc" && order != "desc" {
		return page, badParam("order", "order must be asc or desc.")
	}
	if query.Has("before") {
		return page, badParam("before", "before is not supported. Page forwards with after.")
	}
	if limit := query.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > most {
			return page, badParam("limit", fmt.Sprintf("limit must be a whole number from 1 to %d.", most))
		}
		page.Limit = n
	}
	page.Limit = min(page.Limit, 100)
	return page, nil
}

// collect fills a page with the objects that keep allows, reading on as long
// as there are more. The last object looked at is where the next page begins.
func collect[T any](page rag.Page, id func(T) string, fetch func(rag.Page) ([]T, bool, error), keep func(T) (bool, error)) ([]T, bool, error) {
	var kept []T
	limit := page.Limit
	for {
		items, more, err := fetch(page)
		if err != nil {
			return nil, false, err
		}
		for _, item := range items {
			ok, err := keep(item)
			if err != nil {
				return nil, false, err
			}
			if ok && len(kept) == limit {
				return kept, true, nil
			}
			if ok {
				kept = append(kept, item)
			}
			page.After = id(item)
		}
		if !more || len(items) == 0 {
			return kept, false, nil
		}
	}
}
