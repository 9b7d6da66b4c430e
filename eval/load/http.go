package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Target is a server with OpenAI's interface and what it is asked.
type Target struct {
	Base      string   // http://host:port, without /v1
	Keys      []string // used in turn; empty: none is sent
	Model     string   // such as MODEL@STORE
	Store     string   // that is searched
	Uploads   string   // store that uploads go to
	Questions []string // used in turn, for searches too
	MaxTokens int      // of an answer; 0: the server's default
	// Connections is how many are open at once; requests beyond wait, and that counts as latency. 0: no bound:
	// what piles up at a server out of breath then takes the generator's own cores for making connections.
	Connections int
}

// maxEvent is the longest event of a stream, in bytes.
const maxEvent = 4 << 20

// client sends to a target. Bodies and headers are made once: the generator
// often shares its cores with the server.
type client struct {
	Target
	http            *http.Client
	asks, searches  [][]byte
	ask, find, take *url.URL
	headers         []http.Header // one a key
	readers         chan *bufio.Reader
}

// HTTP makes a Send for a target. The returned function closes the connections.
func HTTP(t Target) (send Send, closeIdle func(), err error) {
	if len(t.Questions) == 0 {
		return nil, nil, errors.New("there are no questions to send")
	}
	base, err := url.Parse(strings.TrimRight(t.Base, "/") + "/")
	if err != nil || base.Host == "" {
		return nil, nil, fmt.Errorf("%q is no address such as http://127.0.0.1:8080", t.Base)
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 4096, MaxConnsPerHost: t.Connections, DisableCompression: true, WriteBufferSize: 2 << 10, ReadBufferSize: 8 << 10,
	}
	c := &client{Target: t, http: &http.Client{Transport: transport}, readers: make(chan *bufio.Reader, 256),
		ask: base.JoinPath("/v1/chat/completions"), find: base.JoinPath("/v1/search"), take: base.JoinPath("/v1/documents")}
	if len(c.Keys) == 0 {
		c.Keys = []string{""}
	}
	for _, key := range c.Keys {
		h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"groundwork-bench"}}
		if key != "" {
			h["Authorization"] = []string{"Bearer " + key}
		}
		c.headers = append(c.headers, h)
	}
	if err := c.encode(); err != nil {
		return nil, nil, err
	}
	return c.send, transport.CloseIdleConnections, nil
}

func (c *client) encode() error {
	for _, q := range c.Questions {
		ask := map[string]any{"model": c.Model, "stream": true, "messages": []map[string]string{{"role": "user", "content": q}}}
		if c.MaxTokens > 0 {
			ask["max_tokens"] = c.MaxTokens
		}
		raw, err := json.Marshal(ask)
		if err != nil {
			return err
		}
		c.asks = append(c.asks, raw)
		if raw, err = json.Marshal(map[string]any{"store": c.Store, "query": q}); err != nil {
			return err
		}
		c.searches = append(c.searches, raw)
	}
	return nil
}

func (c *client) send(ctx context.Context, r Request) Reply {
	header := c.headers[r.N%len(c.headers)]
	switch r.Kind {
	case Search:
		return c.post(ctx, c.find, header, c.searches[r.N%len(c.searches)], drop)
	case Upload:
		return c.upload(ctx, header, r.N)
	}
	return c.post(ctx, c.ask, header, c.asks[r.N%len(c.asks)], c.stream)
}

// post sends one body; read takes the reply when the status is 2xx.
func (c *client) post(ctx context.Context, to *url.URL, header http.Header, body []byte, read func(*Reply, io.Reader) error) Reply {
	req := (&http.Request{Method: http.MethodPost, URL: to, Host: to.Host, Header: header, ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}).WithContext(ctx)
	resp, err := c.http.Do(req)
	if err != nil {
		return Reply{Err: plain(err)}
	}
	defer resp.Body.Close()
	out := Reply{Status: resp.StatusCode}
	if resp.StatusCode/100 != 2 {
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			out.RetryAfter = time.Duration(s) * time.Second
		}
		out.Err = refusal(resp)
		return out
	}
	if out.Err = read(&out, resp.Body); out.Err != nil {
		out.Err = plain(out.Err)
	}
	return out
}

// plain leaves out addresses and ports, which would make each error another one.
func plain(err error) error {
	var op *net.OpError
	var of *url.Error
	switch {
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	case errors.As(err, &of):
		return of.Err
	}
	return err
}

// refusal reads the error of a reply, so that the connection can be used again.
func refusal(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return plain(err)
	}
	if refused(resp.StatusCode) {
		return nil // expected of a server that has enough to do
	}
	var body struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(raw, &body) != nil || body.Error.Message == "" {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return fmt.Errorf("status %d: %s (%s)", resp.StatusCode, body.Error.Message, body.Error.Code)
}

func drop(_ *Reply, body io.Reader) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

var (
	errCut  = errors.New("the stream ended without [DONE]")
	errLong = errors.New("an event of the stream is longer than 4 MB")
)

// stream reads server-sent events. They are looked into, not decoded: decoding
// all of them would cost as much as serving them.
func (c *client) stream(out *Reply, body io.Reader) error {
	lines := c.reader(body)
	defer c.giveBack(lines)
	var long []byte
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) && len(long) < maxEvent {
			long = append(long, line...)
			continue
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return errLong
		case errors.Is(err, io.EOF):
			return errCut
		case err != nil:
			return err
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if done, err := event(out, line); done || err != nil {
			_, _ = lines.WriteTo(io.Discard) // to the end, so that the connection can be used again
			return err
		}
		long = long[:0]
	}
}

var (
	prefix    = []byte("data: ")
	doneEvent = []byte("data: [DONE]")
	failEvent = []byte(`data: {"error"`)
	text      = []byte(`"content":"`)
	noText    = []byte(`"content":""`)
	abstained = []byte(`"abstained":true`)
)

// event looks at one line.
func event(out *Reply, line []byte) (done bool, err error) {
	switch {
	case !bytes.HasPrefix(line, prefix):
		return false, nil
	case bytes.HasPrefix(line, doneEvent):
		return true, nil
	case bytes.HasPrefix(line, failEvent):
		return false, errors.New("error event: " + string(bytes.TrimSpace(line[len(prefix):min(len(line), 300)])))
	}
	if out.First.IsZero() && bytes.Contains(line, text) && !bytes.Contains(line, noText) {
		out.First = time.Now()
	}
	if bytes.Contains(line, abstained) {
		out.Abstained = true
	}
	return false, nil
}

func (c *client) reader(r io.Reader) *bufio.Reader {
	select {
	case b := <-c.readers:
		b.Reset(r)
		return b
	default:
		return bufio.NewReaderSize(r, 16<<10)
	}
}

func (c *client) giveBack(b *bufio.Reader) {
	b.Reset(nil)
	select {
	case c.readers <- b:
	default:
	}
}

// upload sends a small document of its own, so that each one is work.
func (c *client) upload(ctx context.Context, header http.Header, n int) Reply {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	path := fmt.Sprintf("bench-%06d.md", n)
	err := errors.Join(form.WriteField("store", c.Uploads), form.WriteField("path", path))
	part, partErr := form.CreateFormFile("file", path)
	if err = errors.Join(err, partErr); err != nil {
		return Reply{Err: err}
	}
	fmt.Fprintf(part, "# Note %d\n\nThis note was uploaded to measure the server. It asks: %s\n", n, c.Questions[n%len(c.Questions)])
	if err := form.Close(); err != nil {
		return Reply{Err: err}
	}
	h := header.Clone()
	h.Set("Content-Type", form.FormDataContentType())
	return c.post(ctx, c.take, h, body.Bytes(), drop)
}
