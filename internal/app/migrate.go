package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/sql"
)

// Migration is what Migrate copied and how it compared both sides.
type Migration struct {
	Rows      map[string]int `json:"rows"` // by table
	Originals int            `json:"originals"`
	Bytes     int64          `json:"bytes"`
	Entries   int            `json:"entries"` // of the index
	Audit     Audit          `json:"audit"`   // of the target
	Queries   int            `json:"queries"` // asked on both sides
	Overlap   float64        `json:"overlap"` // mean share of common hits in the first 10 of both legs
}

// minOverlap is what both sides must agree on; quantised vectors differ a little in far places.
const minOverlap = 0.99

// Migrate copies everything into the empty stores of another configuration,
// whichever way: originals (checked against their names), rows, vectors and
// terms. Then it verifies the target and asks both sides the same queries. An
// interrupted migration is run again: what is there already is not copied twice.
func (o *Operator) Migrate(ctx context.Context, to configs.Config, step func(what string, done int)) (m Migration, err error) {
	from, err := o.openStores(ctx, false)
	if err != nil {
		return m, fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, from.close()) }()
	target, err := NewOperator(to, o.log)
	if err != nil {
		return m, fmt.Errorf("target: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	dest, err := target.openStores(ctx, false)
	if err != nil {
		return m, fmt.Errorf("target: %w", err)
	}
	defer func() { err = errors.Join(err, dest.close()) }()

	c := copier{from: from, to: dest, step: step, m: &m}
	if err := c.originals(ctx); err != nil {
		return m, fmt.Errorf("copy originals: %w", err)
	}
	if err := c.rows(ctx); err != nil {
		return m, fmt.Errorf("copy rows: %w", err)
	}
	if err := c.entries(ctx); err != nil {
		return m, fmt.Errorf("copy the index: %w", err)
	}
	if m.Audit, err = verifier(dest, func(_ string, done int) { step("stores verified", done) }).Verify(ctx); err != nil {
		return m, fmt.Errorf("verify the target: %w", err)
	}
	if err := c.compare(ctx); err != nil {
		return m, fmt.Errorf("compare: %w", err)
	}
	if !m.Audit.OK() || m.Queries > 0 && m.Overlap < minOverlap {
		return m, fmt.Errorf("the target is not the same: %d faults, overlap %.3f; go on using the source", len(m.Audit.Faults), m.Overlap)
	}
	return m, nil
}

type copier struct {
	from, to *stores
	step     func(string, int)
	m        *Migration
}

// originals are content-addressed: those that are there already cost one look.
func (c copier) originals(ctx context.Context) error {
	return c.from.files.List(ctx, func(sum string) error {
		r, err := c.from.files.Open(ctx, sum)
		if err != nil {
			return err
		}
		got, n, err := c.to.files.Put(ctx, r, int64(1)<<40)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
		if got != sum {
			return fmt.Errorf("the bytes of %s hash to %s; run `groundwork verify` on the source", sum, got)
		}
		c.m.Originals, c.m.Bytes = c.m.Originals+1, c.m.Bytes+n
		c.step("originals", c.m.Originals)
		return nil
	})
}

func (c copier) rows(ctx context.Context) error {
	c.m.Rows = map[string]int{}
	there, err := fingerprints(ctx, c.to.library)
	if err != nil {
		return err
	}
	if len(there) == 0 {
		return sql.Copy(ctx, c.from.library, c.to.library, func(table string, rows int) {
			c.m.Rows[table] = rows
			c.step("rows of "+table, rows)
		})
	}
	here, err := fingerprints(ctx, c.from.library) // an earlier run came this far: rows are copied in one transaction
	if err == nil && !slices.Equal(here, there) {
		err = errors.New("the target holds other documents; migrate into empty stores")
	}
	return err
}

// fingerprints tell documents and their searchable versions.
func fingerprints(ctx context.Context, library *sql.Store) (out []string, err error) {
	err = library.EachDocument(ctx, func(d rag.Document) error {
		out = append(out, fmt.Sprintf("%s/%s/%s/%d", d.Tenant, d.StoreID, d.ID, d.LiveVersion))
		return nil
	})
	slices.Sort(out)
	return out, err
}

// entries copies what is searchable; terms are made anew from the chunks.
func (c copier) entries(ctx context.Context) error {
	live := map[string][]rag.Document{}
	err := c.from.library.EachDocument(ctx, func(d rag.Document) error {
		if d.LiveVersion > 0 {
			live[d.StoreID] = append(live[d.StoreID], d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.from.library.EachStore(ctx, func(st rag.Store) error {
		scope := rag.Scope{Tenant: st.Tenant, Store: st.ID}
		vectors := map[string][]float32{}
		err := c.from.index.Held(ctx, scope, func(h ingest.Held) error {
			if h.Published && !h.Damaged {
				vectors[h.ChunkID] = h.Vector
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, d := range live[st.ID] {
			if err := c.document(ctx, scope, d, vectors); err != nil {
				return err
			}
		}
		return nil
	})
}

// entryBatch is how many entries go to the target at once.
const entryBatch = 256

func (c copier) document(ctx context.Context, scope rag.Scope, d rag.Document, vectors map[string][]float32) error {
	ref := ingest.Ref{Tenant: scope.Tenant, StoreID: scope.Store, DocumentID: d.ID, Version: d.LiveVersion}
	var chunks []ingest.Chunk
	err := c.from.library.EachChunk(ctx, ref, func(chunk ingest.Chunk) error { chunks = append(chunks, chunk); return nil })
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(chunks, entryBatch) {
		entries := make([]ingest.Entry, len(batch))
		for i, chunk := range batch {
			v := vectors[chunk.ID]
			if v == nil {
				return fmt.Errorf("document %s: the source's index does not hold chunk %d as it was; run `groundwork verify --repair` on the source", d.ID, chunk.Seq)
			}
			entries[i] = ingest.Entry{ChunkID: chunk.ID, DocumentID: d.ID, Version: d.LiveVersion, Vector: v, Terms: analyze.Terms(chunk.Searchable())}
		}
		if err := c.to.index.Upsert(ctx, scope, entries); err != nil {
			return err
		}
		c.m.Entries += len(entries)
		c.step("entries of the index", c.m.Entries)
	}
	if err := c.to.index.Describe(ctx, scope, ingest.Describe(d)); err != nil {
		return err
	}
	return c.to.index.Publish(ctx, scope, d.ID, d.LiveVersion)
}

const (
	sampledQueries = 100
	comparedHits   = 10
)

// compare asks both sides with vectors and words of randomly chosen chunks.
func (c copier) compare(ctx context.Context) error {
	type sample struct {
		scope rag.Scope
		held  ingest.Held
	}
	var picked []sample
	seen, random := 0, rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a sample, the same each time
	err := c.from.library.EachStore(ctx, func(st rag.Store) error {
		scope := rag.Scope{Tenant: st.Tenant, Store: st.ID}
		return c.from.index.Held(ctx, scope, func(h ingest.Held) error {
			if !h.Published {
				return nil
			}
			if seen++; len(picked) < sampledQueries {
				picked = append(picked, sample{scope, h})
			} else if i := random.IntN(seen); i < sampledQueries {
				picked[i] = sample{scope, h}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	sum := 0.0
	for _, p := range picked {
		share, err := c.agree(ctx, p.scope, p.held)
		if err != nil {
			return err
		}
		sum += share
		c.m.Queries++
		c.step("queries compared", c.m.Queries)
	}
	if c.m.Queries > 0 {
		c.m.Overlap = sum / float64(c.m.Queries)
	}
	return nil
}

// agree is the share of common hits for one chunk's vector and its first words.
func (c copier) agree(ctx context.Context, scope rag.Scope, h ingest.Held) (float64, error) {
	passages, err := c.from.library.Passages(ctx, scope, []string{h.ChunkID})
	if err != nil || len(passages) == 0 {
		return 1, err
	}
	terms := analyze.Terms(passages[0].Text)
	terms = terms[:min(len(terms), 8)]
	legs := []func(index) ([]rag.Hit, error){
		func(x index) ([]rag.Hit, error) { return x.Dense(ctx, scope, h.Vector, comparedHits) },
		func(x index) ([]rag.Hit, error) { return x.Text(ctx, scope, terms, comparedHits) },
	}
	sum := 0.0
	for _, leg := range legs {
		a, err := leg(c.from.index)
		if err != nil {
			return 0, err
		}
		b, err := leg(c.to.index)
		if err != nil {
			return 0, err
		}
		sum += common(a, b)
	}
	return sum / float64(len(legs)), nil
}

// common is the share of a's hits that b has too; hits that tie with the last one may stand for each other.
func common(a, b []rag.Hit) float64 {
	if len(a) == 0 && len(b) == 0 {
		return 1
	}
	if len(a) != len(b) {
		return 0
	}
	has := map[string]bool{}
	for _, h := range b {
		has[h.ChunkID] = true
	}
	last := a[len(a)-1].Score
	n := 0
	for _, h := range a {
		if has[h.ChunkID] || h.Score-last < 1e-6 {
			n++
		}
	}
	return float64(n) / float64(len(a))
}
