package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"

	"groundwork/rag"
)

// exchange is one generation. langchaingo sends its request through it; it
// adds what langchaingo lacks, watches the stream, and keeps what langchaingo
// drops: the true cause of an error, timings, how the reply ended.
type exchange struct {
	words    speaker
	send     sender
	fields   map[string]any
	patience *patience

	mu       sync.Mutex // langchaingo reads the stream in a goroutine of its own
	server   *server    // the one that answered
	err      error
	ended    bool // [DONE] was seen
	finish   string
	timings  timings
	logprobs bool // the stream held log-probabilities
}

// sender brings a request to a model server. The reply's body holds the
// beginning of the answer when it comes; the wait for it is p's.
type sender func(req *http.Request, p *patience) (*http.Response, *server, error)

// timings are llama.cpp's own measurements.
type timings struct {
	CacheN        int     `json:"cache_n"`  // prompt tokens that were
	PromptN       int     `json:"prompt_n"` // prompt tokens that were not in the cache
	PromptPerSec  float64 `json:"prompt_per_second"`
	PredictedN    int     `json:"predicted_n"`
	PredictPerSec float64 `json:"predicted_per_second"`
}

// outcome is a reply that ended properly.
type outcome struct {
	usage    rag.Usage
	timings  timings
	server   *server
	logprobs bool
}

// Do implements langchaingo's Doer.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	if err := rewrite(req, x.fields); err != nil {
		return nil, x.fail(err)
	}
	resp, s, err := x.send(req, x.patience)
	if err != nil {
		return nil, x.fail(err)
	}
	x.mu.Lock()
	x.server = s
	x.mu.Unlock()
	resp.Body = newStream(x, req.Context(), resp.Body)
	return resp, nil
}

// rewrite sets fields in the JSON body of req.
func rewrite(req *http.Request, fields map[string]any) error {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	if raw, err = setFields(raw, fields); err != nil {
		return err
	}
	req.ContentLength = int64(len(raw))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
	req.Body, err = req.GetBody()
	return err
}

func setFields(raw []byte, fields map[string]any) ([]byte, error) {
	body := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	for name, value := range fields {
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encode field %s: %w", name, err)
		}
		body[name] = encoded
	}
	return join(body, len(raw))
}

// join is the object of members that are JSON already; json.Marshal would read
// them all again.
func join(members map[string]json.RawMessage, size int) ([]byte, error) {
	out := make([]byte, 0, size+256)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("encode field %s: %w", name, err)
		}
		out = append(out, ',')
		out = append(append(append(out, key...), ':'), members[name]...)
	}
	if len(out) == 0 {
		return []byte("{}"), nil
	}
	out[0] = '{'
	return append(out, '}'), nil
}

// fail keeps the first error and returns it.
func (x *exchange) fail(err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil {
		x.err = err
	}
	return x.err
}

// outcome is the verdict once langchaingo has returned.
func (x *exchange) outcome(ctx context.Context) (outcome, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.err != nil:
		return outcome{}, x.err
	case x.ended && x.finish != "":
		return outcome{usage: rag.Usage{FinishReason: x.finish}, timings: x.timings, server: x.server, logprobs: x.logprobs}, nil
	case ctx.Err() != nil:
		return outcome{}, x.words.gaveUp(context.Cause(ctx))
	}
	return outcome{}, x.words.broken(errCut)
}
