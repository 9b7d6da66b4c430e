package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"groundwork/configs"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/local"
)

// Probe is a question of which it is known where its answer stands: in one of the places.
type Probe struct {
	Scope  rag.Scope
	Text   string
	Places []Place
}

// Place is a stretch of a document: code points of its text, or a quote.
type Place struct {
	DocumentID string
	Path       string // instead of the id
	Start, End int
	Quote      string // instead of the offsets
}

// Comparison is what both indexes found for the same questions.
type Comparison struct {
	Queries  int     `json:"queries"`
	OldFound int     `json:"old_found"` // questions whose known passage was among the first ten
	NewFound int     `json:"new_found"`
	Lost     int     `json:"lost"`       // found by the old one only
	Gained   int     `json:"gained"`     // found by the new one only
	Overlap  float64 `json:"overlap"`    // mean share of the old one's first ten that the new one's first ten have, or overlap
	OldMS    float64 `json:"old_ms"`     // median of a search with its embedding
	NewMS    float64 `json:"new_ms"`     //
	Misses   []Miss  `json:"misses"`     // those lost, at most 20
	Verdict  string  `json:"worse"`      // why the new one must not take the place of the old one; empty: it may
	Source   string  `json:"query_from"` // documents or questions
}

// Miss is a question of which only the old index found the passage.
type Miss struct {
	Query string `json:"query"`
	Path  string `json:"path"`
}

// firstTen of each index are compared.
const firstTen = 10

// Compare asks both indexes. Without probes it asks with headings and first
// sentences of as many randomly chosen passages as samples says. old is the
// configuration that the present index was made with; nil: it is found out.
func (r *Rebuild) Compare(ctx context.Context, old *configs.Config, probes []Probe, samples int, minOverlap float64) (c Comparison, err error) {
	before, end, err := r.oldSide(ctx, old)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, end()) }()
	after := r.side(r.embedder, r.index, r.mirror)
	c.Source, c.Misses = "questions", []Miss{}
	if len(probes) == 0 {
		c.Source = "documents"
		if probes, err = r.sample(ctx, samples); err != nil {
			return c, err
		}
	}
	var oldTimes, newTimes []float64
	for _, p := range probes {
		a, ms, err := first(ctx, before, p)
		if err != nil {
			return c, fmt.Errorf("search the present index: %w", err)
		}
		oldTimes = append(oldTimes, ms)
		b, ms, err := first(ctx, after, p)
		if err != nil {
			return c, fmt.Errorf("search the new index: %w", err)
		}
		newTimes = append(newTimes, ms)
		c.count(p, a, b)
	}
	if c.Queries > 0 {
		c.Overlap /= float64(c.Queries)
	}
	c.OldMS, c.NewMS = middle(oldTimes), middle(newTimes)
	c.Verdict = c.judge(minOverlap)
	return c, nil
}

func (c *Comparison) count(p Probe, a, b []rag.Passage) {
	c.Queries++
	c.Overlap += shared(a, b)
	was, is := p.found(a), p.found(b)
	if was {
		c.OldFound++
	}
	if is {
		c.NewFound++
	}
	if is && !was {
		c.Gained++
	}
	if was && !is {
		c.Lost++
		if len(c.Misses) < 20 {
			c.Misses = append(c.Misses, Miss{p.Text, p.Places[0].Path})
		}
	}
}

// clearly is the one-sided 5 % point of the normal distribution: of the
// questions that only one index answers, so many more are the old one's by
// chance in one case of twenty.
const clearly = 1.645

func (c *Comparison) judge(minOverlap float64) string {
	differ := float64(c.Lost + c.Gained)
	switch {
	case differ > 0 && float64(c.Lost-c.Gained)/math.Sqrt(differ) > clearly:
		return fmt.Sprintf("the new index finds clearly less: of %d questions it lost %d and gained %d", c.Queries, c.Lost, c.Gained)
	case c.Queries > 0 && c.Overlap < minOverlap:
		return fmt.Sprintf("the first ten passages have %.2f in common, less than --min-overlap %.2f", c.Overlap, minOverlap)
	}
	return ""
}

// side is one index as questions search it.
func (r *Rebuild) side(e rag.Embedder, s rag.Searcher, p rag.Passages) *rag.Pipeline {
	return &rag.Pipeline{Embedder: e, Searcher: s, Passages: p, Analyze: analyze.Terms,
		Options: rag.Options{Candidates: r.cfg.Search.Candidates, DenseWeight: r.cfg.Search.DenseWeight, K: firstTen}}
}

// oldSide is the present index with its model. The embedded one belongs to the server: a copy of it is searched.
func (r *Rebuild) oldSide(ctx context.Context, given *configs.Config) (side *rag.Pipeline, end func() error, err error) {
	cfg, err := configOf(r.present, r.cfg, given)
	if err != nil {
		return nil, nil, err
	}
	var ends []func() error
	end = func() error {
		var errs []error
		for i := len(ends) - 1; i >= 0; i-- {
			errs = append(errs, ends[i]())
		}
		return errors.Join(errs...)
	}
	fail := func(err error) (*rag.Pipeline, func() error, error) { return nil, nil, errors.Join(err, end()) }
	var embedder rag.Embedder = r.embedder
	if cfg.LLM.Embed != r.cfg.LLM.Embed {
		e, err := StartEmbedding(ctx, cfg, r.opts)
		if err != nil {
			return fail(fmt.Errorf("start the embedding model of the present index: %w", err))
		}
		ends = append(ends, func() error { return e.Stop(context.WithoutCancel(ctx)) })
		embedder = e
	}
	var x index
	if r.cfg.Store.Embedded() {
		copied := filepath.Join(rebuildDir(r.cfg), "old")
		ends = append(ends, func() error { return os.RemoveAll(copied) })
		if err := copyIndex(ctx, filepath.Join(r.cfg.Server.DataDir, "index"), copied); err != nil {
			return fail(err)
		}
		x, err = local.Open(ctx, copied, local.Options{Dimensions: r.present.dimensions, Fingerprint: r.present.fingerprint})
	} else {
		x, err = openQdrant(ctx, r.cfg, r.real, r.present, indexOptions{log: r.opts.Log})
	}
	if err != nil {
		return fail(err)
	}
	ends = append(ends, x.Close)
	return r.side(embedder, x, r.real), end, nil
}

func copyIndex(ctx context.Context, from, to string) (err error) {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	reader, err := local.OpenReader(ctx, from)
	if err != nil {
		return err
	}
	return errors.Join(reader.Snapshot(ctx, to), reader.Close())
}

// first are the first ten passages, and how long they took in milliseconds.
func first(ctx context.Context, side *rag.Pipeline, p Probe) ([]rag.Passage, float64, error) {
	began := time.Now()
	ranked, err := side.Search(ctx, p.Scope, p.Text, firstTen)
	took := float64(time.Since(began).Microseconds()) / 1000
	var out []rag.Passage
	for _, hit := range ranked {
		if hit.Dropped == "" {
			out = append(out, hit.Passage)
		}
	}
	return out, took, err
}

func middle(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[len(of)/2]
}

// shared is the share of a's passages that overlap one of b's.
func shared(a, b []rag.Passage) float64 {
	if len(a) == 0 {
		return 1
	}
	n := 0
	for _, p := range a {
		if slices.ContainsFunc(b, func(q rag.Passage) bool {
			return q.DocumentID == p.DocumentID && q.Start < p.End && p.Start < q.End
		}) {
			n++
		}
	}
	return float64(n) / float64(len(a))
}

func (p Probe) found(in []rag.Passage) bool {
	return slices.ContainsFunc(in, func(q rag.Passage) bool {
		return slices.ContainsFunc(p.Places, func(at Place) bool { return at.in(q) })
	})
}

func (at Place) in(p rag.Passage) bool {
	if at.DocumentID != "" && at.DocumentID != p.DocumentID || at.DocumentID == "" && at.Path != p.Filename {
		return false
	}
	if at.Quote != "" {
		return strings.Contains(oneSpace(p.Text), oneSpace(at.Quote))
	}
	return p.Start < at.End && at.Start < p.End
}

func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }
