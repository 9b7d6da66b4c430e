package app

import (
	"context"
	"fmt"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/sql"
)

// publish makes searchable what is whole, and queues the rest to be indexed anew.
func (b *builder) publish(ctx context.Context) error {
	staged := map[string]map[string]int{} // by store and document
	scopes, err := b.index.Scopes(ctx)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		of := map[string]int{}
		staged[scope.Store] = of
		if err := b.index.Held(ctx, scope, func(h ingest.Held) error { of[h.DocumentID]++; return nil }); err != nil {
			return err
		}
	}
	var live []rag.Document
	err = b.library.EachDocument(ctx, func(d rag.Document) error {
		if d.LiveVersion > 0 {
			live = append(live, d)
		} else if !d.State.Done() {
			b.out.Queued++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, d := range live {
		if err := b.publishOne(ctx, d, staged[d.StoreID][d.ID]); err != nil {
			return fmt.Errorf("publish %s: %w", d.ID, err)
		}
		b.step("documents made searchable", int64(i+1), int64(len(live)))
	}
	return nil
}

func (b *builder) publishOne(ctx context.Context, d rag.Document, staged int) error {
	scope := rag.Scope{Tenant: d.Tenant, Store: d.StoreID}
	ref := ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: d.LiveVersion}
	chunks := 0
	if err := b.library.EachChunk(ctx, ref, func(ingest.Chunk) error { chunks++; return nil }); err != nil {
		return err
	}
	if chunks == 0 || staged != chunks {
		b.out.Queued++
		b.out.Entries -= staged
		if err := b.index.Discard(ctx, scope, d.ID, d.LiveVersion); err != nil {
			return err
		}
		return b.withdraw(ctx, scope, d.ID)
	}
	if err := b.index.Describe(ctx, scope, ingest.Describe(d)); err != nil {
		return err
	}
	return b.index.Publish(ctx, scope, d.ID, d.LiveVersion)
}

// withdraw queues a document to be indexed anew; originals of its older versions go.
func (b *builder) withdraw(ctx context.Context, scope rag.Scope, documentID string) error {
	orphans, err := b.library.Withdraw(ctx, scope, documentID)
	for i := 0; i < len(orphans) && err == nil; i++ {
		err = b.files.Delete(ctx, orphans[i])
	}
	return err
}

// verify holds the stage to what `groundwork verify` says of an installation.
func (b *builder) verify(ctx context.Context) (err error) {
	v := verifier(&b.stores, func(_ string, done int) { b.step("stores verified", int64(done), int64(b.m.Counts["stores"])) })
	if b.out.Audit, err = v.Verify(ctx); err != nil {
		return err
	}
	if !b.out.Audit.OK() {
		f := b.out.Audit.Faults[0]
		return fmt.Errorf("what the backup gives is not whole: %d faults, the first is %s of document %s: %s", len(b.out.Audit.Faults), f.Kind, f.Document, f.Detail)
	}
	return nil
}

// hand gives the rows to the target's own database, when it has one.
func (b *builder) hand(ctx context.Context) error {
	if b.ledger == b.library {
		return nil
	}
	return sql.CopyAll(ctx, b.library, b.ledger, func(table string, rows int) { b.step("rows of "+table, int64(rows), 0) })
}
