package rag

import (
	"context"
	"slices"
)

// searchTries is how often a search is done again because documents were
// replaced or deleted while it ran. Twice in a row is rare already.
const searchTries = 4

// load gives the passages that both legs found. The legs run apart, and what they
// found is read after both: a document that is replaced meanwhile may come in two
// versions, or in none. Then both legs search again, so that every document is
// seen in one version.
func (p *Pipeline) load(ctx context.Context, scope Scope, vector []float32, l *legs) ([]Passage, error) {
	for try := 1; ; try++ {
		wanted := ids(l.dense, l.text)
		passages, err := p.Passages.Passages(ctx, scope, wanted)
		if err != nil {
			return nil, err
		}
		newest, mixed := versionsOf(passages, func(p Passage) Passage { return p })
		if len(passages) == len(wanted) && !mixed {
			return passages, nil
		}
		if try == searchTries { // a damaged index may name what is not there for ever
			return slices.DeleteFunc(passages, func(p Passage) bool { return p.Version < newest[p.DocumentID] }), nil
		}
		if l.dense, err = p.Searcher.Dense(ctx, scope, vector, p.Options.Candidates); err != nil {
			return nil, err
		}
		if err := p.byText(ctx, scope, l); err != nil {
			return nil, err
		}
	}
}

// byText fills in what the text leg finds for l's terms, and their weights.
func (p *Pipeline) byText(ctx context.Context, scope Scope, l *legs) (err error) {
	if l.idf, err = p.Searcher.IDF(ctx, scope, l.terms); err != nil {
		return err
	}
	l.ideal = 0
	for _, w := range l.idf {
		l.ideal += w * (bm25K1 + 1)
	}
	l.text, err = p.Searcher.Text(ctx, scope, l.terms, p.Options.Candidates)
	return err
}

// NewestVersions tells the newest version of each document, and whether any came in several.
func NewestVersions(found []Ranked) (newest map[string]int, mixed bool) {
	return versionsOf(found, func(r Ranked) Passage { return r.Passage })
}

func versionsOf[T any](found []T, passage func(T) Passage) (newest map[string]int, mixed bool) {
	newest = map[string]int{}
	for _, f := range found {
		p := passage(f)
		before, known := newest[p.DocumentID]
		mixed = mixed || known && before != p.Version
		newest[p.DocumentID] = max(before, p.Version)
	}
	return newest, mixed
}
