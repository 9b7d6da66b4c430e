package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"

	"github.com/gin-gonic/gin"

	"groundwork/rag"
)

const (
	headerRepeat   = "Idempotency-Key"
	headerRepeated = "Idempotent-Replayed"
	// maxRepeat is the longest key, in bytes.
	maxRepeat = 255
)

// completion makes of the reply of an endpoint the one that the client gets.
type completion func(c *gin.Context, reply rag.Reply) (rag.Reply, error)

// once lets a request be sent again without harm when it carries an
// Idempotency-Key: the reply is that of the first time, and nothing is done twice.
func (s *Server) once(h endpoint) endpoint {
	return s.onceThen(h, func(_ *gin.Context, reply rag.Reply) (rag.Reply, error) { return reply, nil })
}

// onceThen is once with what may take long and changes nothing: it completes
// the replies to repetitions too, and keeps no other request waiting.
func (s *Server) onceThen(h endpoint, complete completion) endpoint {
	return func(c *gin.Context) error {
		reply, err := s.carriedOut(c, h)
		if err == nil {
			reply, err = complete(c, reply)
		}
		if err != nil {
			return withoutReply(c, err)
		}
		c.Data(reply.Status, "application/json; charset=utf-8", reply.Body)
		return nil
	}
}

// carriedOut is the reply of a request, now or the first time.
func (s *Server) carriedOut(c *gin.Context, h endpoint) (rag.Reply, error) {
	name := c.GetHeader(headerRepeat)
	if name == "" {
		return answered(c.Request.Context(), c, h)
	}
	if len(name) > maxRepeat || strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' }) {
		return rag.Reply{}, badParam(headerRepeat, fmt.Sprintf("An Idempotency-Key is 1 to %d visible ASCII characters, such as a UUID. Choose another.", maxRepeat))
	}
	held, err := s.hold(c)
	if err != nil {
		return rag.Reply{}, err
	}
	defer held.close()
	p := caller(c)
	repeat := rag.Repeat{Caller: p.Tenant + " " + p.KeyID, Name: name, Fingerprint: held.sum}
	reply, again, err := s.Repeats.Once(c.Request.Context(), repeat, func(ctx context.Context) (rag.Reply, error) {
		return answered(ctx, c, h)
	})
	if err == nil && again {
		c.Header(headerRepeated, "true")
	}
	return reply, err
}

// errUnkept ends a request that did nothing, with the reply that its handler wrote.
type errUnkept struct{ rag.Reply }

func (errUnkept) Error() string { return "refused" }

func withoutReply(c *gin.Context, err error) error {
	var refused errUnkept
	if !errors.As(err, &refused) {
		return err
	}
	c.Data(refused.Status, "application/json; charset=utf-8", refused.Body)
	return nil
}

// answered runs a handler and takes its reply instead of the client.
func answered(ctx context.Context, c *gin.Context, h endpoint) (rag.Reply, error) {
	out, req := c.Writer, c.Request
	w := &replyWriter{ResponseWriter: out, status: http.StatusOK}
	c.Writer, c.Request = w, req.WithContext(ctx)
	defer func() { c.Writer, c.Request = out, req }()
	if err := h(c); err != nil {
		return rag.Reply{}, err
	}
	reply := rag.Reply{Status: w.status, Body: w.body.Bytes()}
	if w.status >= http.StatusMultipleChoices {
		return rag.Reply{}, errUnkept{reply}
	}
	return reply, nil
}

// replyWriter keeps a reply; headers go where they would have gone.
type replyWriter struct {
	gin.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *replyWriter) WriteHeader(status int)               { w.status = status }
func (w *replyWriter) WriteHeaderNow()                      {}
func (w *replyWriter) Write(b []byte) (int, error)          { return w.body.Write(b) }
func (w *replyWriter) WriteString(text string) (int, error) { return w.body.WriteString(text) }
func (w *replyWriter) Status() int                          { return w.status }
func (w *replyWriter) Size() int                            { return w.body.Len() }
func (w *replyWriter) Written() bool                        { return w.body.Len() > 0 }

// heldBody is a request's body on disk, and the sum of what the request asks.
type heldBody struct {
	*os.File
	sum string
}

func (b heldBody) close() {
	// Both can only fail when the file is gone already, which is what is wanted.
	_ = b.Close()
	_ = os.Remove(b.Name())
}

// hold copies the body to disk: what a request asks must be known before anything is done.
func (s *Server) hold(c *gin.Context) (held heldBody, err error) {
	limit := s.opts.MaxJSON
	if strings.HasPrefix(c.ContentType(), "multipart/") {
		limit = s.maxForm()
	}
	if c.Request.ContentLength > limit {
		return held, &http.MaxBytesError{Limit: limit}
	}
	file, err := os.CreateTemp(s.opts.TempDir, "request-*")
	if err != nil {
		return held, fmt.Errorf("hold request: %w", err)
	}
	held = heldBody{File: file}
	defer func() {
		if err != nil {
			held.close()
		}
	}()
	if _, err = io.Copy(file, http.MaxBytesReader(c.Writer, c.Request.Body, limit)); err != nil {
		return held, fmt.Errorf("hold request: %w", err)
	}
	if held.sum, err = fingerprint(c.Request, file); err != nil {
		return held, fmt.Errorf("hold request: %w", err)
	}
	c.Request.Body = io.NopCloser(file)
	_, err = file.Seek(0, io.SeekStart)
	return held, err
}

// fingerprint is the same for requests that ask the same: a form counts by its
// fields and files, whatever its boundary is.
func fingerprint(r *http.Request, body io.ReadSeeker) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %q %q\n", r.Method, r.URL.Path, r.URL.RawQuery)
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "multipart/form-data" && sumForm(h, multipart.NewReader(body, params["boundary"])) == nil {
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	// No form, or one that its handler will refuse.
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	_, err = io.Copy(h, body)
	return hex.EncodeToString(h.Sum(nil)), err
}

func sumForm(h hash.Hash, form *multipart.Reader) error {
	for {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content := sha256.New()
		if _, err := io.Copy(content, part); err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %q %x\n", part.Header.Get("Content-Disposition"), part.Header.Get("Content-Type"), content.Sum(nil))
	}
}
