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

// evaluator asks one question after the other, or several at once, and scores what comes back.
type evaluator struct {
	api   *client
	store string
	k     int
	model string // empty: only retrieval is scored

	mu    sync.Mutex
	texts map[string][]rune // of documents, by id
}

// found is the reply of a search with explain.
type foundPassages struct {
	Data     []ranked
	Evidence evidence
}

func (e *evaluator) question(ctx context.Context, q eval.Question) (eval.Outcome, error) {
	o := eval.Outcome{ID: q.ID, Type: q.Type, Question: q.Question, Expected: q.Answer, Known: q.Answerable()}
	found, err := patient(ctx, func() (foundPassages, error) { return e.find(ctx, q.Question) })
	if err != nil {
		return o, err
	}
	var passages []eval.Passage
	for _, r := range found.Data {
		if r.Dropped == nil {
			passages = append(passages, eval.Passage{Path: r.Filename, Text: r.Text})
		}
	}
	o.Evidence = found.Evidence.Strength
	o.Recall = o.Known
	for _, ok := range eval.Found(q, passages) {
		o.Hit, o.Recall = o.Hit || ok, o.Recall && ok
	}
	if e.model == "" {
		return o, nil
	}
	return o, e.answer(ctx, q, &o)
}

func (e *evaluator) find(ctx context.Context, query string) (found foundPassages, err error) {
	err = e.api.call(ctx, http.MethodPost, "/v1/search", map[string]any{"query": query, "store": e.store, "k": e.k, "explain": true}, &found)
	return found, err
}

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

func (e *evaluator) ask(ctx context.Context, question string) (timed, error) {
	var t timed
	began := time.Now()
	a, err := e.api.ask(ctx, e.model, question, func(text string) {
		if t.first == 0 && text != "" {
			t.first = time.Since(began)
		}
	})
	t.answer, t.total = a, time.Since(began)
	return t, err
}

// answer asks the model and scores its answer.
func (e *evaluator) answer(ctx context.Context, q eval.Question, o *eval.Outcome) error {
	a, err := patient(ctx, func() (timed, error) { return e.ask(ctx, q.Question) })
	if err != nil {
		return err
	}
	o.Answered, o.Answer, o.Refused = true, a.Text, a.Groundwork.Abstained
	o.FirstMs, o.TotalMs = milliseconds(a.first), milliseconds(a.total)
	o.Tokens = eval.Tokens{Prompt: a.Usage.PromptTokens, Completion: a.Usage.CompletionTokens}
	o.Fingerprint = a.Groundwork.Fingerprint
	if !o.Refused {
		o.Right, o.F1 = eval.Right(q, a.Text), eval.TokenF1(a.Text, q.Answer)
		o.Facts, _ = eval.KeyFacts(a.Text, q.MustContain)
		if share, ok := eval.NumbersRight(a.Text, q.Answer); ok {
			o.Numbers = &share
		}
	}
	return e.citations(ctx, q, a.answer, o)
}

// citations checks every citation against the document's text, as anybody can through the API.
func (e *evaluator) citations(ctx context.Context, q eval.Question, a answer, o *eval.Outcome) error {
	cites := make([]eval.Citation, len(a.Groundwork.Citations))
	o.Verbatim = true
	for i, cite := range a.Groundwork.Citations {
		text, err := e.text(ctx, cite.DocumentID)
		if err != nil {
			return err
		}
		inSource := false
		for _, s := range a.Groundwork.Sources {
			if s.Index == cite.Source && s.DocumentID == cite.DocumentID {
				cites[i].Path = s.Filename
				inSource = inSource || s.Start <= cite.Start && cite.End <= s.End
			}
		}
		cites[i].Quote = cite.Quote
		if inSource && cite.Start >= 0 && cite.End <= len(text) && cite.Start < cite.End {
			cites[i].Text = string(text[cite.Start:cite.End])
		}
		o.Verbatim = o.Verbatim && cites[i].Text == cite.Quote
	}
	scored := eval.ScoreCitations(q.Gold, cites)
	o.Cited = len(cites) > 0
	o.CitationPrecision, o.CitationRecall, o.CitationsResolved = scored.Precision, scored.Recall, scored.Resolved
	return nil
}

// text is a document's text; each is fetched once.
func (e *evaluator) text(ctx context.Context, document string) ([]rune, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if text, ok := e.texts[document]; ok {
		return text, nil
	}
	resp, err := e.api.send(ctx, http.MethodGet, "/v1/files/"+url.PathEscape(document)+"/text", "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if e.texts == nil {
		e.texts = map[string][]rune{}
	}
	e.texts[document] = []rune(string(raw))
	return e.texts[document], nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
