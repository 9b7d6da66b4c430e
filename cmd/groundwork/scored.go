package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"groundwork/eval"
)

// patient asks a server that is busy again, for as long as ctx lasts.
func patient[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	return backoff.Retry(ctx, func() (T, error) {
		out, err := ask()
		var e *apiError
		switch {
		case err == nil:
			return out, nil
		case errors.As(err, &e) && (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests):
			return out, backoff.RetryAfter(max(int(e.RetryAfter.Seconds()), 1))
		default:
			return out, backoff.Permanent(err)
		}
	}, backoff.WithMaxElapsedTime(0))
}

// timed is an answer with the times that its reader saw.
type timed struct {
	answer
	first, total time.Duration
}

// timed streams an answer and takes its times. A server that is busy is asked again.
func (c *client) timed(ctx context.Context, body map[string]any) (timed, error) {
	return patient(ctx, func() (t timed, err error) {
		began := time.Now()
		t.answer, err = c.stream(ctx, body, func(text string) {
			if t.first == 0 && text != "" {
				t.first = time.Since(began)
			}
		})
		t.total = time.Since(began)
		return t, err
	})
}

// texts are those of documents; each is fetched once. It is safe for concurrent use.
type texts struct {
	api *client

	mu   sync.Mutex
	byID map[string][]rune
}

func (t *texts) of(ctx context.Context, document string) ([]rune, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text, ok := t.byID[document]; ok {
		return text, nil
	}
	resp, err := t.api.send(ctx, http.MethodGet, "/v1/files/"+url.PathEscape(document)+"/text", "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if t.byID == nil {
		t.byID = map[string][]rune{}
	}
	t.byID[document] = []rune(string(raw))
	return t.byID[document], nil
}

// score notes what an answer says, cites and costs; whether it refuses is in o already.
func (t *texts) score(ctx context.Context, q eval.Question, a timed, o *eval.Outcome) error {
	o.Answered, o.Answer = true, a.Text
	o.FirstMs, o.TotalMs = milliseconds(a.first), milliseconds(a.total)
	o.Tokens = eval.Tokens{Prompt: a.Usage.PromptTokens, Completion: a.Usage.CompletionTokens}
	if !o.Refused {
		o.Right, o.F1 = eval.Right(q, a.Text), eval.TokenF1(a.Text, q.Answer)
		o.Facts, _ = eval.KeyFacts(a.Text, q.MustContain)
		if share, ok := eval.NumbersRight(a.Text, q.Answer); ok {
			o.Numbers = &share
		}
	}
	return t.citations(ctx, q, a.Groundwork, o)
}

// citations checks every citation against the document's text, as anybody can through the API.
func (t *texts) citations(ctx context.Context, q eval.Question, g details, o *eval.Outcome) error {
	o.Verbatim, o.Unsupported = true, len(g.Unsupported)
	cites := make([]eval.Citation, len(g.Citations))
	for i, cite := range g.Citations {
		cites[i].Quote = cite.Quote
		for _, source := range g.Sources {
			if source.Index != cite.Source || source.DocumentID != cite.DocumentID {
				continue
			}
			cites[i].Path = source.Filename
			if source.Start <= cite.Start && cite.End <= source.End {
				text, err := t.of(ctx, cite.DocumentID)
				if err != nil {
					return err
				}
				cites[i].Text = between(text, cite.Start, cite.End)
			}
		}
		if cite.Verdict == "unsupported" {
			o.Unsupported++
		}
		o.Verbatim = o.Verbatim && cites[i].Text == cite.Quote
		o.Cites = append(o.Cites, eval.Cite{Path: cites[i].Path, Quote: cite.Quote})
	}
	scored := eval.ScoreCitations(q.Gold, cites)
	o.Cited = len(cites) > 0
	o.CitationPrecision, o.CitationRecall, o.CitationsResolved = scored.Precision, scored.Recall, scored.Resolved
	return nil
}

// between is a part of a text, empty where it has no such part.
func between(text []rune, start, end int) string {
	if start < 0 || end > len(text) || start >= end {
		return ""
	}
	return string(text[start:end])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
