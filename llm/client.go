package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// idleConn is shorter than the 5 s after which llama.cpp closes a connection,
// so that a request rarely meets one that is just being closed.
const idleConn = 4 * time.Second

// retryAfter is the pause before the one repetition of a request that met a
// closed door, and what callers are told to wait.
const (
	retryPause = 200 * time.Millisecond
	retryAfter = 5 * time.Second
)

// maxReply bounds every reply that is read as a whole, in bytes.
const maxReply = 32 << 20

// The kinds of model servers, as messages name them.
const (
	kindChat   = "chat"
	kindEmbed  = "embedding"
	kindRerank = "reranking"
)

// Propagate adds headers to a request that is about to be sent, such as the
// trace that ctx belongs to.
type Propagate func(ctx context.Context, h http.Header)

// client is the connection to one model server.
type client struct {
	speaker
	address  *url.URL // …/v1
	base     string   // address as text
	root     string   // base without /v1
	apiKey   string
	patience time.Duration // of a short call: everything but generating and embedding
	http     *http.Client

	propagate Propagate // nil: nothing
}

func newClient(words speaker, baseURL, apiKey string, patience time.Duration) (*client, error) {
	u, err := url.Parse(strings.TrimRight(baseURL, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%s.base_url: %q is no address such as http://127.0.0.1:8000/v1", words.key, baseURL)
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     idleConn,
		DisableCompression:  true,
	}
	return &client{
		speaker: words, address: u, base: u.String(), root: strings.TrimSuffix(u.String(), "/v1"), apiKey: apiKey,
		patience: patience,
		http: &http.Client{
			Transport: transport,
			// A redirect would carry prompts and keys elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// send sends a request once. Anything but 200 is an error.
func (c *client) send(req *http.Request) (*http.Response, error) {
	if c.propagate != nil {
		c.propagate(req.Context(), req.Header)
	}
	req.Header.Del("Authorization")
	if c.apiKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.transportError(req.Context(), err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, c.statusError(resp)
	}
	return resp, nil
}

// do sends a request, once more when the server refused or dropped the
// connection before it answered.
func (c *client) do(req *http.Request) (*http.Response, error) {
	resp, err := c.send(req)
	if err == nil || !closedDoor(err) || !pause(req.Context(), retryPause) {
		return resp, err
	}
	if req.GetBody != nil {
		if req.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	return c.send(req)
}

// at is req, addressed to this server. Its path starts with /v1, or else counts from the server's root; its body can be read again.
func (c *client) at(req *http.Request) (*http.Request, error) {
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("read the request again: %w", err)
	}
	u := *c.address
	path, versioned := strings.CutPrefix(req.URL.Path, "/v1")
	if !versioned {
		u.Path = strings.TrimSuffix(u.Path, "/v1")
	}
	u.Path += path
	out := req.Clone(req.Context())
	out.URL, out.Host, out.Body = &u, u.Host, body
	return out, nil
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// closedDoor: nothing of an answer has been seen, so a repetition is harmless.
func closedDoor(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

// call sends v (nil: a GET) and decodes the reply into out.
func (c *client) call(ctx context.Context, address string, v, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience, errTotal)
	defer cancel()
	method, body := http.MethodGet, io.Reader(nil)
	if v != nil {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		method, body = http.MethodPost, bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := readAll(resp.Body)
	if err != nil {
		return c.transportError(ctx, err)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return c.nonsense(fmt.Errorf("%w: %w", errNotJSON, err))
	}
	return nil
}

// errTooBig is a reply over maxReply.
var errTooBig = errors.New("the reply is larger than 32 MB")

func readAll(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxReply+1))
	if err == nil && len(raw) > maxReply {
		err = errTooBig
	}
	return raw, err
}
