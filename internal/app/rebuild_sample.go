package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"groundwork/ingest"
	"groundwork/rag"
)

// sample makes probes of randomly chosen passages of the present documents, the same each time.
func (r *Rebuild) sample(ctx context.Context, n int) ([]Probe, error) {
	var live []rag.Document
	err := r.real.EachDocument(ctx, func(d rag.Document) error {
		if d.LiveVersion > 0 {
			live = append(live, d)
		}
		return nil
	})
	if err != nil || len(live) == 0 {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a sample, the same each time
	var out []Probe
	for i := range n {
		d := live[random.IntN(len(live))]
		var chunks []ingest.Chunk
		ref := ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: d.LiveVersion}
		if err := r.real.EachChunk(ctx, ref, func(c ingest.Chunk) error { chunks = append(chunks, c); return nil }); err != nil {
			return nil, err
		}
		if len(chunks) == 0 { // replaced meanwhile
			continue
		}
		chunk := chunks[random.IntN(len(chunks))]
		p := Probe{Scope: rag.Scope{Tenant: d.Tenant, Store: d.StoreID}, Text: firstSentence(chunk.Text),
			Places: []Place{{DocumentID: d.ID, Path: d.Path, Start: chunk.Start, End: chunk.End}}}
		if i%2 == 0 && len(chunk.Heading) > 0 {
			p.Text = strings.Join(chunk.Heading, " ")
		}
		if strings.TrimSpace(p.Text) != "" {
			out = append(out, p)
		}
	}
	return out, nil
}

// mostWords of a sentence are asked.
const mostWords = 30

// firstSentence is the beginning of a text up to its first full stop, without markup at its sides.
func firstSentence(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		if i+1 == mostWords || i > 2 && strings.HasSuffix(w, ".") {
			words = words[:i+1]
			break
		}
	}
	return strings.Trim(strings.Join(words, " "), "#*-|> ")
}

// Store finds a store by its name or id, for probes.
func (r *Rebuild) Store(ctx context.Context, name string) (scope rag.Scope, err error) {
	err = r.real.EachStore(ctx, func(st rag.Store) error {
		if st.Name == name || st.ID == name {
			scope = rag.Scope{Tenant: st.Tenant, Store: st.ID}
		}
		return nil
	})
	if err == nil && scope.Store == "" {
		err = fmt.Errorf("there is no store %q", name)
	}
	return scope, err
}
