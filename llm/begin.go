package llm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// readWhole replaces the body by what is in it, if accept (nil: anything) has nothing against it.
func (s *server) readWhole(ctx context.Context, resp *http.Response, accept func([]byte) error) error {
	raw, err := readAll(resp.Body)
	if err != nil {
		return s.transportError(ctx, err)
	}
	if err := resp.Body.Close(); err != nil {
		return s.transportError(ctx, err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	if accept != nil {
		return accept(raw)
	}
	return nil
}

// awaitAnswer reads a stream until the first piece of its answer has come, and
// puts what it read in front of the rest. A stream that ends or fails before is
// an error: nothing of it has been seen, so another server may be asked.
func (s *server) awaitAnswer(ctx context.Context, resp *http.Response) error {
	lines := newLines(resp.Body)
	var held []byte
	for begun := false; !begun; {
		line, err := lines.next()
		held = append(held, line...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull), len(held) > maxLine:
			begun = true // whoever reads it will say what is wrong
			continue
		case err != nil && !errors.Is(err, io.EOF):
			if ctx.Err() != nil {
				return s.gaveUp(context.Cause(ctx))
			}
			return s.broken(err)
		}
		var bad error
		if begun, bad = answers(line); bad != nil {
			return s.broken(bad)
		}
		if err != nil && !begun {
			return s.broken(errCut)
		}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(held), lines.r), resp.Body}
	return nil
}

// answers tells whether a line of a stream begins the answer, or says
// something that whoever reads the stream has to judge. An error of the server
// that another may not have comes back as an error.
func answers(line []byte) (bool, error) {
	text := bytes.TrimSpace(line)
	if bytes.HasPrefix(text, []byte("error:")) {
		return true, nil
	}
	payload, ok := bytes.CutPrefix(text, []byte("data:"))
	if !ok {
		return false, nil
	}
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return true, nil // [DONE], or something malformed
	}
	if len(e.Error) > 0 && string(e.Error) != "null" {
		var body refusal
		_ = json.Unmarshal(payload, &body) // a foreign shape leaves it empty
		if body.tooLong() {
			return true, nil
		}
		return false, errReported // without its text, which may quote the request
	}
	return e.begins(), nil
}
