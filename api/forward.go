package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// The servers that Models.Forward knows.
const (
	serverChat  = "chat"
	serverEmbed = "embed"
)

// maxReply bounds what is kept of a reply that is not streamed, in bytes.
const maxReply = 64 << 20

// forwardChat is chat with the model alone.
func (s *Server) forwardChat(c *gin.Context, in asked) error {
	if bad := openai.CheckForward(in.fields, s.limits); bad != nil {
		return refuse(bad)
	}
	return s.pass(c, in, "/v1/chat/completions")
}

// completions answers POST /v1/completions: the model alone goes on with a text.
func (s *Server) completions(c *gin.Context) error {
	in, err := s.admit(c)
	if err != nil {
		return err
	}
	defer in.release()
	if in.target.store != nil {
		return badParam("model", "A completion has no question and no place for citations, so a store cannot answer here. Use POST /v1/chat/completions, or leave out what follows the model's name.")
	}
	if bad := openai.CheckCompletion(in.fields, s.limits); bad != nil {
		return refuse(bad)
	}
	return s.pass(c, in, "/v1/completions")
}

// pass sends a request for MODEL on as it came, and the reply back as it comes.
func (s *Server) pass(c *gin.Context, in asked, path string) error {
	ctx, cancel := s.bounded(c.Request.Context())
	defer cancel()
	ctx, alive, stop := watch(ctx, s.opts.StreamIdle)
	defer stop()
	resp, err := s.forward(ctx, caller(c), serverChat, path, in.body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !in.fields.Stream() {
		data, err := wholeReply(ctx, resp)
		if err == nil {
			c.Data(http.StatusOK, "application/json; charset=utf-8", data)
		}
		return err
	}
	out := newStream(c)
	if err := relayStream(out, resp.Body, alive); err != nil {
		return out.fail(explain(ctx, err), envelope)
	}
	return nil
}

func (s *Server) embeddings(c *gin.Context) error {
	fields, body, err := s.body(c)
	if err != nil {
		return err
	}
	if bad := openai.CheckEmbedding(fields); bad != nil {
		return refuse(bad)
	}
	if name, bad := fields.Model(); bad != nil {
		return refuse(bad)
	} else if name != s.Models.Embedding() {
		return noModel(fmt.Sprintf("There is no embedding model %q. Use %s.", clip(name), s.Models.Embedding()))
	}
	release, err := s.lookups.take(caller(c).KeyID)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := s.bounded(c.Request.Context())
	defer cancel()
	resp, err := s.forward(ctx, caller(c), serverEmbed, "/v1/embeddings", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := wholeReply(ctx, resp)
	if err != nil {
		return err
	}
	if bad := openai.CheckDimensions(fields, data); bad != nil {
		return refuse(bad)
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", data)
	return nil
}

// forward gives a reply with status 200, or an error.
func (s *Server) forward(ctx context.Context, from rag.Principal, server, path string, body []byte) (*http.Response, error) {
	resp, err := s.Models.Forward(ctx, lineOf(from), server, path, body)
	if err != nil {
		return nil, explain(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, explain(ctx, fmt.Errorf("read error of the %s server: %w", server, err))
	}
	return nil, refusal(server, resp, data)
}

// refusal is what the model server's error means for the caller: requests that
// it finds wrong are the caller's to correct, all else is the operator's.
func refusal(server string, resp *http.Response, data []byte) error {
	var reply struct {
		Error struct {
			Message string `json:"message"`
			Type    string `json:"type"`
			Param   string `json:"param"`
		} `json:"error"`
	}
	cause := fmt.Errorf("%s server answered %d", server, resp.StatusCode)
	if json.Unmarshal(data, &reply) != nil || reply.Error.Message == "" {
		reply.Error.Message = "the model server gave no reason"
	}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		code := rag.CodeInvalid
		if strings.Contains(reply.Error.Type, "exceed_context") {
			code = rag.CodeTooLong
		}
		return &rag.Error{Code: code, Param: reply.Error.Param, Err: cause, Message: "The model server refused the request: " + shorten(strings.TrimRight(reply.Error.Message, "."), 300) + ". Correct it and send it again."}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			seconds = 2
		}
		return &rag.Error{Code: rag.CodeBusy, Err: cause, RetryAfter: time.Duration(min(seconds, 60)) * time.Second,
			Message: "The model server is busy or still starting. Try again in a few seconds."}
	}
	return &rag.Error{Code: rag.CodeUnavailable, Err: cause, RetryAfter: 5 * time.Second,
		Message: "The model server failed. Try again; `groundwork doctor` tells the operator what is wrong."}
}

// wholeReply reads a reply to its end, so that one that was cut becomes an error.
func wholeReply(ctx context.Context, resp *http.Response) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return nil, explain(ctx, errCut(err))
	}
	if len(data) > maxReply || !json.Valid(data) {
		return nil, errCut(fmt.Errorf("reply of %d bytes is too long or no JSON", len(data)))
	}
	return data, nil
}

// errCut keeps what the model client knows about a broken reply.
func errCut(cause error) error {
	var known *rag.Error
	if errors.As(cause, &known) {
		return cause
	}
	return &rag.Error{Code: rag.CodeUnavailable, Err: fmt.Errorf("read model server's reply: %w", cause), RetryAfter: time.Second,
		Message: "The model server's reply was cut off. Ask again."}
}

// relayStream sends bytes as they come. A stream that ends without [DONE] was cut.
func relayStream(out *stream, body io.Reader, alive func()) error {
	buf := make([]byte, 32<<10)
	var tail []byte
	for {
		n, err := body.Read(buf)
		if n > 0 {
			alive()
			out.write(buf[:n])
			tail = lastBytes(append(tail, buf[:n]...), 32)
		}
		switch {
		case out.err != nil:
			return out.err
		case errors.Is(err, io.EOF) && bytes.HasSuffix(bytes.TrimSpace(tail), []byte("data: [DONE]")):
			return nil
		case err != nil:
			if out.begun && !bytes.HasSuffix(tail, []byte("\n\n")) {
				out.write([]byte("\n\n")) // ends the event that was cut
			}
			return errCut(err)
		}
	}
}

func lastBytes(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
