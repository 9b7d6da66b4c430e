package qdrant

import (
	"context"

	qc "github.com/qdrant/go-client/qdrant"

	"groundwork/rag"
)

// publishTries is how often Publish looks again when points of its version come
// or go meanwhile.
const publishTries = 5

// Publish makes version the searchable one and removes older ones, in the steps
// that the package's comment argues for. Entries staged for a newer version stay:
// they are on their way. With nothing staged it does nothing; a version older
// than the searchable one is discarded.
func (x *Index) Publish(ctx context.Context, scope rag.Scope, documentID string, n int) error {
	p := publication{x: x, scope: scope, document: documentID, version: n}
	for range publishTries {
		done, err := p.run(ctx)
		if err != nil {
			return wrap("publish", err)
		}
		if done {
			_, err := x.statistics(ctx, scope, nil)
			return wrap("publish", err)
		}
	}
	return &rag.Error{Code: rag.CodeBusy, RetryAfter: retryAfter,
		Message: "The document changed again and again while it was published; try again."}
}

// publication is one Publish.
type publication struct {
	x        *Index
	scope    rag.Scope
	document string
	version  int
}

func (p publication) run(ctx context.Context) (done bool, err error) {
	searchable, err := p.searchable(ctx)
	switch {
	case err != nil:
		return false, err
	case searchable > p.version:
		return true, p.delete(ctx, version(p.version))
	}
	chunks, frequencies, err := p.terms(ctx)
	switch {
	case err != nil:
		return false, err
	case chunks == 0 && searchable == p.version:
		return true, p.mend(ctx)
	case chunks == 0:
		return true, nil
	}
	if err := p.setLive(ctx); err != nil {
		return false, err
	}
	if n, err := p.live(ctx); err != nil || n != chunks {
		return false, err // a batch came or went: once more
	}
	searchable, err = p.x.ledger.Publish(ctx, p.scope, p.document, p.version, chunks, frequencies)
	switch {
	case err != nil:
		return false, err
	case searchable > p.version:
		return true, p.delete(ctx, version(p.version))
	}
	if n, err := p.live(ctx); err != nil || n == 0 {
		return n == 0 && err == nil, firstOf(err, func() error { return p.mend(ctx) })
	}
	return true, p.delete(ctx, olderThan(p.version))
}

// searchable is the document's searchable version, 0 when there is none.
func (p publication) searchable(ctx context.Context) (int, error) {
	versions, err := p.x.ledger.Searchable(ctx, p.scope, []string{p.document})
	return versions[p.document], err
}

// terms counts the version's chunks, and how many of them hold each term.
func (p publication) terms(ctx context.Context) (chunks int, frequencies map[uint32]int, err error) {
	frequencies = map[uint32]int{}
	err = p.x.scroll(ctx, p.filter(version(p.version)), qc.NewWithVectorsInclude(textVector), func(point *qc.RetrievedPoint) error {
		chunks++
		for _, term := range vectorOf(point.GetVectors(), textVector).GetSparseVector().GetIndices() {
			frequencies[term]++
		}
		return nil
	})
	return chunks, frequencies, err
}

func (p publication) filter(more ...*qc.Condition) *qc.Filter {
	return within(p.scope, append([]*qc.Condition{document(p.document)}, more...)...)
}

func (p publication) setLive(ctx context.Context) error {
	_, err := call(ctx, p.x, p.x.opts.Timeout, func(ctx context.Context) (*qc.UpdateResult, error) {
		return p.x.client.SetPayload(ctx, &qc.SetPayloadPoints{
			CollectionName: p.x.collection, Wait: qc.PtrOf(true), Ordering: strong(),
			Payload:        map[string]*qc.Value{fieldLive: qc.NewValueBool(true)},
			PointsSelector: qc.NewPointsSelectorFilter(p.filter(version(p.version))),
		})
	})
	return wrap("set live", err)
}

// live counts the version's live points.
func (p publication) live(ctx context.Context) (int, error) {
	return p.x.count(ctx, p.filter(version(p.version), live(true)))
}

func (p publication) delete(ctx context.Context, which *qc.Condition) error {
	return p.x.delete(ctx, p.filter(which))
}

// mend is for a ledger that points to a version whose points are gone: the
// document is forgotten, and an older version that is still there comes back.
func (p publication) mend(ctx context.Context) error {
	if err := p.x.ledger.Forget(ctx, p.scope, p.document); err != nil {
		return err
	}
	best := 0
	err := p.x.scroll(ctx, p.filter(live(true)), nil, func(point *qc.RetrievedPoint) error {
		best = max(best, editionOf(point.GetPayload()).version)
		return nil
	})
	if err != nil || best == 0 {
		return err
	}
	older := p
	older.version = best
	chunks, frequencies, err := older.terms(ctx)
	if err != nil || chunks == 0 {
		return err
	}
	_, err = p.x.ledger.Publish(ctx, p.scope, p.document, best, chunks, frequencies)
	return err
}

func vectorOf(all *qc.VectorsOutput, name string) *qc.VectorOutput {
	return all.GetVectors().GetVectors()[name]
}

// firstOf is err, or else what f gives.
func firstOf(err error, f func() error) error {
	if err != nil {
		return err
	}
	return f()
}
