package draft

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"groundwork/rag/analyze"
)

// Ask asks a chat model.
type Ask func(ctx context.Context, prompt string) (string, error)

// Search gives the chunk ids that a store's own search finds for a question, best first.
type Search func(ctx context.Context, question string) ([]string, error)

// Options say what to draft and with what.
type Options struct {
	Seed   uint64
	Count  int    // drafts to be kept, those that are there included
	Kinds  []Kind // nil: all
	Ask    Ask
	Search Search
	Known  []string        // questions that no draft may repeat
	Tried  map[string]bool // candidates that were tried before, kept or not
	Kept   int             // drafts that are there already
	Model  string
	Code   string
	Store  string
	Now    func() time.Time
	Heard  func(Outcome) error // is told of every candidate; an error ends the drafting
}

// Outcome is what became of a candidate.
type Outcome struct {
	Candidate string
	Kind      Kind
	Reason    Reason // why it was thrown out; empty: Draft was kept
	Draft     Draft
}

// patience is how many candidates are tried for each draft that is wanted.
const patience = 12

type maker struct {
	opt   Options
	all   *passages
	at    map[string]int // passage by chunk id
	texts []string
	known questions
}

// ErrNoMore says that the documents, or the patience, came to an end before enough was drafted.
var ErrNoMore = errors.New("no more questions could be drafted")

// Make drafts questions of documents. The kinds take turns, and so do the documents: the same ones in the same
// order for the same documents and seed. ErrNoMore when fewer came out than wanted.
func Make(ctx context.Context, docs []Document, opt Options) error {
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(a.Path+"\x00"+a.ID, b.Path+"\x00"+b.ID) })
	m := &maker{opt: opt, all: newPassages(docs), at: map[string]int{}}
	for _, d := range docs {
		for _, p := range d.Passages {
			m.at[p.ChunkID] = len(m.texts)
			m.texts = append(m.texts, p.Header+"\n"+p.Text)
		}
	}
	for _, q := range opt.Known {
		m.known = append(m.known, set(analyze.Terms(q)))
	}
	left := m.candidates(docs)
	kinds := opt.Kinds
	if kinds == nil {
		kinds = Kinds()
	}
	for kept, tries := opt.Kept, 0; kept < opt.Count; {
		progress := false
		for _, kind := range kinds {
			if kept == opt.Count {
				return nil
			}
			if tries >= patience*(opt.Count-opt.Kept) {
				return ErrNoMore
			}
			c, ok := next(left, kind, opt.Tried)
			if !ok {
				continue
			}
			progress, tries = true, tries+1
			o, err := m.try(ctx, c)
			if err != nil {
				return err
			}
			if err := opt.Heard(o); err != nil {
				return err
			}
			if o.Reason == "" {
				kept++
				m.known = append(m.known, set(analyze.Terms(o.Draft.Question.Question)))
			}
		}
		if !progress && kept < opt.Count {
			return ErrNoMore
		}
	}
	return nil
}

// next takes the next candidate of a kind that was not tried before.
func next(left map[Kind][]candidate, kind Kind, tried map[string]bool) (candidate, bool) {
	for len(left[kind]) > 0 {
		c := left[kind][0]
		left[kind] = left[kind][1:]
		if !tried[c.id] {
			return c, true
		}
	}
	return candidate{}, false
}

func (m *maker) try(ctx context.Context, c candidate) (Outcome, error) {
	o := Outcome{Candidate: c.id, Kind: c.kind}
	reply, err := m.opt.Ask(ctx, c.prompt())
	if err != nil {
		return o, err
	}
	o.Draft, o.Reason, err = m.check(ctx, c, reply)
	p := &o.Draft.Provenance
	p.Model, p.Prompt, p.Seed, p.Code, p.Store, p.Created = m.opt.Model, promptVersion, m.opt.Seed, m.opt.Code, m.opt.Store, m.opt.Now().UTC()
	return o, err
}
