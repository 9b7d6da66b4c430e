package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"groundwork/eval"
	"groundwork/eval/compare"
)

// cellAsker asks questions of cells and scores what comes back.
type cellAsker struct {
	api *client
	is  compare.Comparison

	mu    sync.Mutex
	texts map[string][]rune // of documents, by id
}

// said is an answer as it came.
type said struct {
	Text         string
	First, Total time.Duration // as the reader saw them
	Usage        counted
	Groundwork   saidOver
}

// counted is what the model server counted.
type counted struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
}

// saidOver is what the server adds to an answer over a store.
type saidOver struct {
	Abstained bool
	Sources   []struct {
		Index      int
		DocumentID string `json:"document_id"`
		Filename   string
		Start, End int
	}
	Citations []struct {
		Source         int
		DocumentID     string `json:"document_id"`
		Start, End     int
		Quote, Verdict string
	}
	Unsupported [][2]int
	Fingerprint eval.Fingerprint
}

func (a *cellAsker) ask(ctx context.Context, cell compare.Cell, q eval.Question) (eval.Outcome, error) {
	return a.askWith(ctx, cell, q, q.Question)
}

// askWith asks in other words than the question's own, such as with a document in front.
func (a *cellAsker) askWith(ctx context.Context, cell compare.Cell, q eval.Question, message string) (eval.Outcome, error) {
	s, err := backoff.Retry(ctx, func() (said, error) {
		s, err := a.send(ctx, cell, message)
		var e *apiError
		switch {
		case err == nil:
			return s, nil
		case errors.As(err, &e) && (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests):
			return s, backoff.RetryAfter(max(int(e.RetryAfter.Seconds()), 1))
		default:
			return s, backoff.Permanent(err)
		}
	}, backoff.WithMaxElapsedTime(0))
	if err != nil {
		return eval.Outcome{}, err
	}
	return a.outcome(ctx, cell, q, s)
}

func (a *cellAsker) send(ctx context.Context, cell compare.Cell, message string) (said, error) {
	messages := []map[string]string{{"role": "user", "content": message}}
	body := map[string]any{"model": cell.Model, "stream": true, "stream_options": map[string]bool{"include_usage": true},
		"temperature": 0, "seed": a.is.Setup.Seed, "max_tokens": a.is.Setup.MaxTokens}
	if cell.Store {
		own := map[string]any{}
		if cell.Open {
			own["abstain"] = "off"
		}
		if a.is.Budget > 0 {
			own["context_budget"] = a.is.Budget // the same room for every cell, however fast the server is just now
		}
		body["groundwork"] = own
	} else {
		messages = append([]map[string]string{{"role": "system", "content": compare.Plain}}, messages...)
	}
	body["messages"] = messages
	raw, err := json.Marshal(body)
	if err != nil {
		return said{}, err
	}
	began := time.Now()
	resp, err := a.api.send(ctx, http.MethodPost, "/v1/chat/completions", "application/json", bytes.NewReader(raw))
	if err != nil {
		return said{}, err
	}
	defer resp.Body.Close()
	return hear(resp.Body, began)
}

// hear reads a stream to its end.
func hear(stream io.Reader, began time.Time) (s said, err error) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			s.Total = time.Since(began)
			return s, nil
		}
		chunk := struct {
			Choices []struct {
				Delta struct{ Content string }
			}
			Usage      *counted
			Groundwork *saidOver
			Error      *apiError
		}{Usage: &s.Usage, Groundwork: &s.Groundwork}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return s, fmt.Errorf("the server sent a broken chunk: %w", err)
		}
		if chunk.Error != nil {
			return s, chunk.Error
		}
		for _, choice := range chunk.Choices {
			if s.First == 0 && choice.Delta.Content != "" {
				s.First = time.Since(began)
			}
			s.Text += choice.Delta.Content
		}
	}
	return s, errors.Join(errors.New("the answer broke off before its end"), lines.Err())
}

func (a *cellAsker) outcome(ctx context.Context, cell compare.Cell, q eval.Question, s said) (eval.Outcome, error) {
	o := eval.Outcome{ID: q.ID, Type: q.Type, Question: q.Question, Expected: q.Answer, Known: q.Answerable(), Answered: true, Answer: s.Text,
		FirstMs: float64(s.First.Microseconds()) / 1000, TotalMs: float64(s.Total.Microseconds()) / 1000,
		Tokens: eval.Tokens{Prompt: s.Usage.PromptTokens, Completion: s.Usage.CompletionTokens}, Verbatim: true}
	if cell.Store {
		o.Refused, o.Fingerprint = s.Groundwork.Abstained, s.Groundwork.Fingerprint
		o.Fingerprint.IndexGeneration = 0 // it counts the changes of all stores; the setup has a hash of this one's documents
		if err := a.citations(ctx, q, s, &o); err != nil {
			return o, err
		}
	} else {
		o.Refused = compare.Refuses(s.Text)
		o.Fingerprint = eval.Fingerprint{Model: a.is.Setup.Model, Prompt: "plain-" + a.is.Setup.Prompt}
		if cell.Tuned {
			o.Fingerprint.Adapter = a.is.Setup.Adapter
		}
	}
	if !o.Refused {
		o.Right, o.F1 = eval.Right(q, s.Text), eval.TokenF1(s.Text, q.Answer)
		o.Facts, _ = eval.KeyFacts(s.Text, q.MustContain)
		if share, ok := eval.NumbersRight(s.Text, q.Answer); ok {
			o.Numbers = &share
		}
	}
	return o, nil
}

// citations notes the passages and checks every citation against the document's text, as anybody can through the API.
func (a *cellAsker) citations(ctx context.Context, q eval.Question, s said, o *eval.Outcome) error {
	g := s.Groundwork
	var passages []eval.Passage
	for _, source := range g.Sources {
		text, err := a.text(ctx, source.DocumentID)
		if err != nil {
			return err
		}
		o.Sources = append(o.Sources, fmt.Sprintf("%s:%d-%d", source.Filename, source.Start, source.End))
		passages = append(passages, eval.Passage{Path: source.Filename, Text: between(text, source.Start, source.End)})
	}
	o.Recall = o.Known
	for _, ok := range eval.Found(q, passages) {
		o.Hit, o.Recall = o.Hit || ok, o.Recall && ok
	}
	o.Unsupported = len(g.Unsupported)
	cites := make([]eval.Citation, len(g.Citations))
	for i, cite := range g.Citations {
		cites[i].Quote = cite.Quote
		for _, source := range g.Sources {
			if source.Index == cite.Source && source.DocumentID == cite.DocumentID {
				cites[i].Path = source.Filename
				if source.Start <= cite.Start && cite.End <= source.End {
					text, err := a.text(ctx, cite.DocumentID)
					if err != nil {
						return err
					}
					cites[i].Text = between(text, cite.Start, cite.End)
				}
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

// text is a document's text; each is fetched once.
func (a *cellAsker) text(ctx context.Context, document string) ([]rune, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if text, ok := a.texts[document]; ok {
		return text, nil
	}
	resp, err := a.api.send(ctx, http.MethodGet, "/v1/files/"+url.PathEscape(document)+"/text", "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if a.texts == nil {
		a.texts = map[string][]rune{}
	}
	a.texts[document] = []rune(string(raw))
	return a.texts[document], nil
}
