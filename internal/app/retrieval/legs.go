package retrieval

import (
	"context"
	"os"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/local"
)

// found is how many passages of each leg are kept; the report looks at 20.
const found = 20

// scope is where the passages of a set lie in its index.
var scope = rag.Scope{Tenant: rag.DefaultTenant, Store: "vs_set"}

// searcher searches one set by every leg.
type searcher struct {
	set      eval.Set
	passages passages
	queries  vectors
	index    *local.Index
	pipeline *rag.Pipeline
	names    map[string]string // of a chunk in the set, by its id in the index
	plain    *plain
}

// close lets go of what newSearcher opened.
func (s *searcher) close() error {
	err := s.plain.close()
	if closed := s.index.Close(); err == nil {
		err = closed
	}
	return err
}

// newSearcher fills an index of its own in dir with the set.
func newSearcher(ctx context.Context, cfg configs.Config, dir string, set eval.Set, v setVectors) (*searcher, error) {
	s := &searcher{set: set, passages: passages{}, queries: vectors{}, names: map[string]string{}}
	for i, q := range set.Queries {
		s.queries[q.Text] = v.queries[i]
	}
	plain, err := newPlain(ctx, set)
	if err != nil {
		return nil, err
	}
	s.plain = plain
	if s.index, err = local.Open(ctx, dir, local.Options{Dimensions: v.dimensions, Fingerprint: "sets"}); err != nil {
		return nil, err
	}
	s.pipeline = &rag.Pipeline{
		Embedder: s.queries, Searcher: s.index, Passages: s.passages, Analyze: analyze.Terms,
		Options: rag.Options{Candidates: cfg.Search.Candidates, DenseWeight: cfg.Search.DenseWeight, K: found},
	}
	return s, s.fill(ctx, v)
}

// fill takes the passages in, document by document.
func (s *searcher) fill(ctx context.Context, v setVectors) error {
	var order []string
	documents := map[string][]ingest.Entry{}
	for i, p := range s.set.Passages {
		id := ingest.ChunkID(ingest.Ref{StoreID: scope.Store, DocumentID: p.Document, Version: 1}, p.Seq)
		if documents[p.Document] == nil {
			order = append(order, p.Document)
		}
		documents[p.Document] = append(documents[p.Document], ingest.Entry{
			ChunkID: id, DocumentID: p.Document, Version: 1, Vector: v.passages[i], Terms: analyze.Terms(searchable(p)),
		})
		s.names[id] = p.ID
		s.passages[id] = rag.Passage{ChunkID: id, DocumentID: p.Document, Filename: p.Document, Seq: p.Seq, Header: p.Header, Text: p.Text}
	}
	for _, document := range order {
		if err := s.index.Upsert(ctx, scope, documents[document]); err != nil {
			return err
		}
		if err := s.index.Publish(ctx, scope, document, 1); err != nil {
			return err
		}
	}
	return nil
}

// searchable is what of a passage is embedded and analysed.
func searchable(p eval.SetPassage) string {
	return ingest.Chunk{Header: p.Header, Text: p.Text}.Searchable()
}

// rankings are the passages that each leg finds for each question.
func (s *searcher) rankings(ctx context.Context, candidates int) (map[string][][]string, error) {
	out := map[string][][]string{}
	for _, q := range s.set.Queries {
		dense, err := s.index.Dense(ctx, scope, s.queries[q.Text], candidates)
		if err != nil {
			return nil, err
		}
		text, err := s.index.Text(ctx, scope, analyze.Terms(q.Text), candidates)
		if err != nil {
			return nil, err
		}
		plain, err := s.plain.search(ctx, q.Text)
		if err != nil {
			return nil, err
		}
		hybrid, err := s.hybrid(ctx, q.Text)
		if err != nil {
			return nil, err
		}
		for leg, ranked := range map[string][]string{
			eval.LegFTS5: plain, eval.LegBM25: s.named(text), eval.LegDense: s.named(dense),
			eval.LegRRF: eval.RRF(s.named(dense), s.named(text)), eval.LegHybrid: hybrid,
		} {
			out[leg] = append(out[leg], ranked)
		}
	}
	return out, nil
}

// hybrid is the product's search: fused, near-duplicates out.
func (s *searcher) hybrid(ctx context.Context, query string) ([]string, error) {
	ranked, err := s.pipeline.Search(ctx, scope, query, found)
	var out []string
	for _, r := range ranked {
		if r.Dropped == "" {
			out = append(out, s.names[r.Passage.ChunkID])
		}
	}
	return out, err
}

func (s *searcher) named(hits []rag.Hit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = s.names[h.ChunkID]
	}
	return out
}

// passages by chunk id.
type passages map[string]rag.Passage

// Passages implements rag.Passages.
func (p passages) Passages(_ context.Context, _ rag.Scope, ids []string) ([]rag.Passage, error) {
	var out []rag.Passage
	for _, id := range ids {
		if found, ok := p[id]; ok {
			out = append(out, found)
		}
	}
	return out, nil
}

// vectors of questions, by their text.
type vectors map[string][]float32

// EmbedQuery implements rag.Embedder for the questions of the set.
func (v vectors) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	if vector, ok := v[text]; ok {
		return vector, nil
	}
	return nil, os.ErrNotExist
}

// EmbedSentences implements rag.Embedder; a search needs none.
func (v vectors) EmbedSentences(context.Context, []string) ([][]float32, error) {
	return nil, os.ErrNotExist
}
