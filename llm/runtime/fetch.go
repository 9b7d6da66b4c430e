package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// errUnreachable marks a server that could not be connected to at all.
var errUnreachable = errors.New("unreachable")

// errFinal marks what trying again cannot change.
var errFinal = errors.New("refused")

const (
	maxTries     = 4 // without a single new byte
	maxRedirects = 10
)

// fetcher downloads over HTTPS, resuming what is there.
type fetcher struct {
	client *http.Client
	stall  time.Duration // without a byte for this long, a connection is given up
	pause  time.Duration // before the first new try; it doubles
}

func newFetcher(transport http.RoundTripper, connect, stall, pause time.Duration) *fetcher {
	if transport == nil {
		transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connect}).DialContext,
			TLSHandshakeTimeout:   connect,
			ResponseHeaderTimeout: stall,
			ForceAttemptHTTP2:     true,
			IdleConnTimeout:       time.Second,
		}
	}
	return &fetcher{stall: stall, pause: pause, client: &http.Client{
		Transport: transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if r.URL.Scheme != "https" {
				return fmt.Errorf("%w: redirect to %s is not https", errFinal, r.URL.Host)
			}
			if len(via) >= maxRedirects {
				return fmt.Errorf("%w: more than %d redirects", errFinal, maxRedirects)
			}
			return nil
		},
	}}
}

// get appends to part until it has the whole file at url; size is exact, or 0
// when it is not known. What part holds already is asked for no more. report
// gets bytes there and bytes in all.
func (f *fetcher) get(ctx context.Context, url, part string, size int64, report func(done, total int64)) error {
	if !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("%w: %s is not https", errFinal, url)
	}
	policy := backoff.NewExponentialBackOff()
	policy.InitialInterval, policy.MaxInterval = f.pause, 20*f.pause
	var best int64 // a server that starts over and over must not keep us for ever
	for tries := 0; ; {
		reached, err := f.once(ctx, url, part, size, report)
		if err == nil || ctx.Err() != nil || errors.Is(err, errFinal) {
			return err
		}
		if reached > best {
			best, tries = reached, 0
			policy.Reset()
		}
		if tries++; tries >= maxTries || (errors.Is(err, errUnreachable) && best == 0) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(policy.NextBackOff()):
		}
	}
}

// once is one request; reached is how far into the file it came, 0 without a new byte.
func (f *fetcher) once(ctx context.Context, url, part string, size int64, report func(done, total int64)) (reached int64, err error) {
	have := sizeOf(part)
	if size > 0 && have == size {
		return 0, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(f.stall, func() { cancel(fmt.Errorf("no data for %s", f.stall)) })
	defer stalled.Stop()

	reply, err := f.ask(ctx, url, have)
	if err != nil {
		return 0, err
	}
	defer reply.Body.Close()
	start, total, err := place(reply, have, size)
	if errors.Is(err, errAgain) {
		return 0, errors.Join(err, os.Remove(part))
	}
	if err != nil {
		return 0, err
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if start == 0 {
		mode |= os.O_TRUNC
	}
	out, err := os.OpenFile(part, mode, 0o600)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errFinal, err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return f.copy(ctx, out, reply.Body, stalled, start, total, report)
}

func (f *fetcher) ask(ctx context.Context, url string, have int64) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFinal, err)
	}
	r.Header.Set("User-Agent", "groundwork")
	r.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	reply, err := f.client.Do(r)
	if err != nil {
		var dns *net.DNSError
		var op *net.OpError
		if errors.As(err, &dns) || (errors.As(err, &op) && op.Op == "dial") {
			err = fmt.Errorf("%w: %w", errUnreachable, err)
		}
		if cause := context.Cause(ctx); cause != nil {
			err = errors.Join(err, cause)
		}
		return nil, err
	}
	return reply, nil
}

// errAgain asks for a new request from the start of the file.
var errAgain = errors.New("the server does not continue the file")

// place says where the reply's body begins in the file and how long the file is (0: unknown).
func place(reply *http.Response, have, size int64) (start, total int64, err error) {
	switch code := reply.StatusCode; {
	case code == http.StatusOK:
		start, total = 0, reply.ContentLength
	case code == http.StatusPartialContent:
		start = -1
		if n, _ := fmt.Sscanf(reply.Header.Get("Content-Range"), "bytes %d-", &start); n != 1 || start != have {
			return 0, 0, errAgain
		}
		total = start + reply.ContentLength
		if reply.ContentLength < 0 {
			total = 0
		}
	case code == http.StatusRequestedRangeNotSatisfiable:
		return 0, 0, errAgain
	case code == http.StatusTooManyRequests || code >= 500:
		return 0, 0, fmt.Errorf("%s answered %s", reply.Request.URL.Host, reply.Status)
	default:
		return 0, 0, fmt.Errorf("%w: %s answered %s", errFinal, reply.Request.URL.Host, reply.Status)
	}
	total = max(total, 0)
	if size > 0 && total > 0 && total != size {
		return 0, 0, fmt.Errorf("%w: the file there has %d bytes, not %d", errFinal, total, size)
	}
	return start, max(total, size), nil
}

func (f *fetcher) copy(ctx context.Context, out io.Writer, body io.Reader, stalled *time.Timer, start, total int64, report func(done, total int64)) (int64, error) {
	buffer := make([]byte, 256<<10)
	at, reached := start, int64(0)
	report(at, total)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			stalled.Reset(f.stall)
			if total > 0 && at+int64(n) > total {
				return reached, fmt.Errorf("%w: the server sends more than %d bytes", errFinal, total)
			}
			if _, err := out.Write(buffer[:n]); err != nil {
				return reached, fmt.Errorf("%w: %w", errFinal, err)
			}
			at += int64(n)
			reached = at
			report(at, total)
		}
		switch {
		case errors.Is(err, io.EOF) && total > 0 && at < total:
			return reached, io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return reached, nil
		case err != nil:
			if cause := context.Cause(ctx); cause != nil {
				err = errors.Join(err, cause)
			}
			return reached, err
		}
	}
}
