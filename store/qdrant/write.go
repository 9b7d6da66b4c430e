package qdrant

import (
	"context"

	qc "github.com/qdrant/go-client/qdrant"

	"groundwork/ingest"
	"groundwork/rag"
)

// Upsert stores entries that no search finds until Publish. An entry whose id is
// live already is left as it is, since the id stands for document, version and
// place; Qdrant checks that inside the write.
func (x *Index) Upsert(ctx context.Context, scope rag.Scope, entries []ingest.Entry) error {
	points := make([]*qc.PointStruct, len(entries))
	for i, e := range entries {
		if err := check(e, x.opts.Dimensions); err != nil {
			return err
		}
		points[i] = pointOf(scope, e)
	}
	size := min(maxBatch, max(1, batchBytes/(4*x.opts.Dimensions+2048)))
	for len(points) > 0 {
		n := min(size, len(points))
		request := &qc.UpsertPoints{
			CollectionName: x.collection, Wait: qc.PtrOf(true), Points: points[:n], Ordering: strong(),
			UpdateFilter: &qc.Filter{MustNot: []*qc.Condition{live(true)}},
		}
		_, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (*qc.UpdateResult, error) {
			return x.client.Upsert(ctx, request)
		})
		if err != nil {
			return wrap("upsert", err)
		}
		points = points[n:]
	}
	return nil
}

// Describe sets what filters and permissions see on all points of a document.
func (x *Index) Describe(ctx context.Context, scope rag.Scope, d ingest.Description) error {
	_, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (*qc.UpdateResult, error) {
		return x.client.SetPayload(ctx, &qc.SetPayloadPoints{
			CollectionName: x.collection, Wait: qc.PtrOf(true), Ordering: strong(),
			Payload: described(d), PointsSelector: qc.NewPointsSelectorFilter(within(scope, document(d.DocumentID))),
		})
	})
	return wrap("describe", err)
}

// Discard deletes what was upserted for a version. What is searchable stays.
func (x *Index) Discard(ctx context.Context, scope rag.Scope, documentID string, n int) error {
	searchable, err := x.ledger.Searchable(ctx, scope, []string{documentID})
	if err != nil {
		return wrap("discard", err)
	}
	which := []*qc.Condition{document(documentID), version(n)}
	if searchable[documentID] == n {
		which = append(which, live(false))
	}
	return wrap("discard", x.delete(ctx, within(scope, which...)))
}

// Remove deletes all versions of a document, staged ones too, and returns how
// many chunks and vectors went. The ledger forgets the document before, so that
// no search shows a part of it, and after, in case a late Publish came between.
func (x *Index) Remove(ctx context.Context, scope rag.Scope, documentID string) (chunks, vectors int, err error) {
	all := within(scope, document(documentID))
	n, err := x.count(ctx, all)
	if err != nil {
		return 0, 0, wrap("remove", err)
	}
	if err := x.forgetAndDelete(ctx, scope, documentID, all); err != nil {
		return 0, 0, wrap("remove", err)
	}
	return n, n, nil
}

// RemoveStore deletes everything of the store.
func (x *Index) RemoveStore(ctx context.Context, scope rag.Scope) error {
	return wrap("remove store", x.forgetAndDelete(ctx, scope, "", within(scope)))
}

func (x *Index) forgetAndDelete(ctx context.Context, scope rag.Scope, documentID string, which *qc.Filter) error {
	if err := x.ledger.Forget(ctx, scope, documentID); err != nil {
		return err
	}
	if err := x.delete(ctx, which); err != nil {
		return err
	}
	if err := x.ledger.Forget(ctx, scope, documentID); err != nil {
		return err
	}
	_, err := x.statistics(ctx, scope, nil)
	return err
}

func (x *Index) delete(ctx context.Context, which *qc.Filter) error {
	_, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (*qc.UpdateResult, error) {
		return x.client.Delete(ctx, &qc.DeletePoints{
			CollectionName: x.collection, Wait: qc.PtrOf(true), Points: qc.NewPointsSelectorFilter(which), Ordering: strong(),
		})
	})
	return wrap("delete points", err)
}

// count is exact.
func (x *Index) count(ctx context.Context, which *qc.Filter) (int, error) {
	n, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (uint64, error) {
		return x.client.Count(ctx, &qc.CountPoints{CollectionName: x.collection, Filter: which, Exact: qc.PtrOf(true)})
	})
	return int(n), wrap("count points", err) //nolint:gosec // points of one store
}

// scroll calls each for every point, page by page.
func (x *Index) scroll(ctx context.Context, which *qc.Filter, vectors *qc.WithVectorsSelector, each func(*qc.RetrievedPoint) error) error {
	type page struct {
		points []*qc.RetrievedPoint
		next   *qc.PointId
	}
	size := uint32(min(maxBatch, max(1, batchBytes/(4*x.opts.Dimensions+2048)))) //nolint:gosec // at most maxBatch
	var from *qc.PointId
	for {
		p, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) (p page, err error) {
			p.points, p.next, err = x.client.ScrollAndOffset(ctx, &qc.ScrollPoints{
				CollectionName: x.collection, Filter: which, Offset: from, Limit: &size,
				WithPayload: qc.NewWithPayload(true), WithVectors: vectors,
			})
			return p, err
		})
		if err != nil {
			return wrap("list points", err)
		}
		for _, point := range p.points {
			if err := each(point); err != nil {
				return err
			}
		}
		if from = p.next; from == nil {
			return nil
		}
	}
}

func strong() *qc.WriteOrdering { return &qc.WriteOrdering{Type: qc.WriteOrderingType_Strong} }
