package ingest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"groundwork/rag"
)

// storeAudit is one store while it is compared.
type storeAudit struct {
	*Verifier
	*Audit
	scope   rag.Scope
	rows    map[string]rag.Document
	expect  map[string]expected // by chunk id, of searchable versions
	holding map[string]int      // searchable chunks that hold a term
}

// expected is a chunk that a search must be able to find.
type expected struct {
	document string
	length   int    // terms
	terms    string // their mark
	found    bool
}

func (v *Verifier) store(ctx context.Context, a *Audit, scope rag.Scope, documents []rag.Document) error {
	s := &storeAudit{Verifier: v, Audit: a, scope: scope, rows: map[string]rag.Document{}, expect: map[string]expected{}, holding: map[string]int{}}
	for _, d := range documents {
		s.rows[d.ID] = d
		if err := s.document(ctx, d); err != nil {
			return err
		}
	}
	var suspects []Fault
	seen := map[string]bool{}
	err := v.Index.Held(ctx, scope, func(h Held) error {
		s.Entries++
		suspects = append(suspects, s.entry(h, seen)...)
		return nil
	})
	if err != nil {
		return err
	}
	for id, e := range s.expect {
		if !e.found {
			suspects = append(suspects, s.fault(FaultMissing, e.document, "chunk "+id))
		}
	}
	if err := s.judge(ctx, suspects); err != nil {
		return err
	}
	unsound, err := v.Index.Unsound(ctx, scope)
	if err != nil {
		return err
	}
	if unsound != "" {
		s.add(s.fault(FaultIndex, "", unsound))
		return nil // its frequencies cannot be asked for
	}
	return s.frequencies(ctx)
}

func (s *storeAudit) fault(kind, document, detail string) Fault {
	return Fault{Kind: kind, Tenant: s.scope.Tenant, Store: s.scope.Store, Document: document, Detail: detail}
}

// document compares the chunks of the searchable version with its text.
func (s *storeAudit) document(ctx context.Context, d rag.Document) error {
	switch {
	case d.State == rag.StateFailed:
		s.Failed++
	case !d.State.Done():
		s.Waiting++
	}
	if d.LiveVersion == 0 {
		return nil
	}
	s.Documents++
	ref := Ref{Tenant: s.scope.Tenant, StoreID: s.scope.Store, DocumentID: d.ID, Version: d.LiveVersion}
	text, sound, err := s.Records.Body(ctx, ref)
	var chunks []Chunk
	if err == nil {
		err = s.Records.EachChunk(ctx, ref, func(c Chunk) error { chunks = append(chunks, c); return nil })
	}
	switch missing := rag.CodeOf(err) == rag.CodeNotFound; {
	case missing && !s.unchanged(ctx, d):
		delete(s.rows, d.ID) // replaced or deleted meanwhile: not judged
		return nil
	case missing:
		s.add(s.fault(FaultGap, d.ID, "its text is gone"))
		return nil
	case err != nil:
		return fmt.Errorf("document %s: %w", d.ID, err)
	case !sound:
		s.suspect(ctx, d, FaultText, "its text is not what was stored")
	}
	if len(chunks) == 0 || d.State == rag.StateReady && len(chunks) != d.Chunks {
		s.suspect(ctx, d, FaultGap, fmt.Sprintf("%d chunks are there", len(chunks)))
	}
	body := []rune(text)
	for i, c := range chunks {
		if c.Seq != i || c.ID != ChunkID(ref, i) {
			s.suspect(ctx, d, FaultGap, fmt.Sprintf("chunk %d is not the one that belongs there", i))
		}
		if c.Damaged || c.Start < 0 || c.End > len(body) || c.Start >= c.End || string(body[c.Start:c.End]) != c.Text {
			s.suspect(ctx, d, FaultText, fmt.Sprintf("chunk %d", i))
		}
		terms := s.Analyze(c.Searchable())
		s.expect[c.ID] = expected{document: d.ID, length: len(terms), terms: s.Index.TermsMark(terms)}
		slices.Sort(terms)
		for _, t := range slices.Compact(terms) {
			s.holding[t]++
		}
	}
	s.Chunks += len(chunks)
	return nil
}

// suspect adds a fault unless the document changed since it was read.
func (s *storeAudit) suspect(ctx context.Context, d rag.Document, kind, detail string) {
	if s.unchanged(ctx, d) {
		s.add(s.fault(kind, d.ID, detail))
	}
}

func (s *storeAudit) unchanged(ctx context.Context, d rag.Document) bool {
	now, err := s.Records.Document(ctx, s.scope, d.ID)
	return err == nil && now.Version == d.Version && now.LiveVersion == d.LiveVersion && now.State == d.State &&
		now.Described == d.Described && Describe(now).Mark() == Describe(d).Mark()
}

// entry compares what the index holds with what it should.
func (s *storeAudit) entry(h Held, seen map[string]bool) []Fault {
	var out []Fault
	if seen[h.ChunkID] {
		out = append(out, s.fault(FaultDouble, h.DocumentID, "chunk "+h.ChunkID))
	}
	seen[h.ChunkID] = true
	if h.Damaged || !unit(h.Vector) {
		out = append(out, s.fault(FaultVector, h.DocumentID, "chunk "+h.ChunkID))
	}
	e, wanted := s.expect[h.ChunkID]
	d := s.rows[h.DocumentID]
	switch {
	case wanted && h.Published && h.Version == d.LiveVersion:
		e.found = true
		s.expect[h.ChunkID] = e
		if h.Length != e.length || h.Terms != e.terms {
			out = append(out, s.fault(FaultTerms, h.DocumentID, fmt.Sprintf("chunk %s is not found by its own %d terms", h.ChunkID, e.length)))
		}
		if d.Described && h.Mark != Describe(d).Mark() {
			out = append(out, s.fault(FaultLabels, h.DocumentID, "chunk "+h.ChunkID))
		}
	case !h.Published && h.Version <= d.Version && !d.State.Done():
		// staged, and its version is on its way; one before it may be published until then
	default:
		ghost := s.fault(FaultGhost, h.DocumentID, fmt.Sprintf("chunk %s of version %d", h.ChunkID, h.Version))
		if !h.Published {
			ghost.staged = h.Version
		}
		out = append(out, ghost)
	}
	return out
}

// judge keeps the suspects whose documents stand as they stood when the walk began.
func (s *storeAudit) judge(ctx context.Context, suspects []Fault) error {
	settled := map[string]bool{}
	for _, f := range suspects {
		same, looked := settled[f.Document]
		if !looked {
			if d, known := s.rows[f.Document]; known {
				same = s.unchanged(ctx, d)
			} else {
				_, err := s.Records.Document(ctx, s.scope, f.Document)
				same = rag.CodeOf(err) == rag.CodeNotFound
			}
			settled[f.Document] = same
		}
		if same {
			s.add(f)
		}
	}
	return ctx.Err()
}

// sampledTerms of a store are compared with the index's statistics.
const sampledTerms = 200

// frequencies compares the weights that the index gives to terms with those of the chunks.
func (s *storeAudit) frequencies(ctx context.Context) error {
	if s.Waiting > 0 || len(s.holding) == 0 {
		return nil // what comes meanwhile moves them
	}
	terms := make([]string, 0, len(s.holding))
	for t := range s.holding {
		terms = append(terms, t)
	}
	slices.Sort(terms)
	step := max(1, len(terms)/sampledTerms)
	var sample []string
	for i := 0; i < len(terms); i += step {
		sample = append(sample, terms[i])
	}
	weights, err := s.Index.IDF(ctx, s.scope, sample)
	if err != nil {
		return err
	}
	n := float64(len(s.expect))
	for i, t := range sample {
		some := float64(s.holding[t])
		want := max(1e-6, math.Log((n-some+0.5)/(some+0.5)))
		if math.Abs(weights[i]-want) > 1e-6*max(1, want) {
			if same, err := s.still(ctx); err != nil || !same {
				return err
			}
			s.add(s.fault(FaultFreq, "", fmt.Sprintf("a term that %d of %d chunks hold weighs %.6f instead of %.6f", s.holding[t], len(s.expect), weights[i], want)))
			return nil
		}
	}
	return nil
}

// still tells whether the store has the documents that it had when the walk began, as they were.
func (s *storeAudit) still(ctx context.Context) (bool, error) {
	now, same := 0, true
	err := s.Records.EachDocument(ctx, func(d rag.Document) error {
		if d.StoreID != s.scope.Store || d.Tenant != s.scope.Tenant {
			return nil
		}
		before, known := s.rows[d.ID]
		now++
		same = same && known && before.Version == d.Version && before.LiveVersion == d.LiveVersion && before.State == d.State
		return nil
	})
	return same && now == len(s.rows), err
}
