package ingest

import (
	"context"

	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Relabel changes what is said of a document; nil fields stay as they are. It
// holds for searches when Relabel returns, or as soon as the index answers again.
func (s *Service) Relabel(ctx context.Context, scope rag.Scope, documentID string, labels rag.Labels) (rag.Document, error) {
	doc, err := s.Labels.Label(ctx, scope, documentID, labels)
	if err == nil {
		s.relabelled(ctx, doc, labels)
	}
	return doc, err
}

// relabelled tells the index at once what a job will tell it in any case, also of what is attached. The
// caller's wish is durable already.
func (s *Service) relabelled(ctx context.Context, doc rag.Document, said rag.Labels) {
	if said.Attributes == nil && said.Allow == nil {
		return
	}
	scope := rag.Scope{Tenant: doc.Tenant, Store: doc.StoreID}
	ctx = context.WithoutCancel(ctx)
	err := s.describe(ctx, scope, doc.ID)
	if s.Attachments != nil && err == nil {
		var family []string
		family, err = s.Attachments.Family(ctx, scope, doc.ID)
		for i := 0; i < len(family) && err == nil; i++ {
			err = s.describe(ctx, scope, family[i])
		}
	}
	if err != nil {
		s.log().Warn("the index does not know yet what was said of a document; a job tells it", "document", doc.ID, "error", err)
	}
	s.changes.fire()
}

// describe tells the index what the document's row says. Nobody else does so at
// the same time: what is told last is what was said last.
func (s *Service) describe(ctx context.Context, scope rag.Scope, documentID string) error {
	return s.locks().Exclusive(ctx, describeLock(scope.Store, documentID), func(ctx context.Context) error {
		doc, err := s.Catalog.Document(ctx, scope, documentID)
		if rag.CodeOf(err) == rag.CodeNotFound {
			return nil // removed, and what the index holds of it goes
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil { // this process stood still, and the lock may be another's
			return err
		}
		if err := s.Describer.Describe(ctx, scope, Describe(doc)); err != nil {
			return err
		}
		failpoint.Reached(failpoint.DescribeTold)
		return s.Labels.Described(ctx, doc)
	})
}

func (s *Service) describeJob(ctx context.Context, args DescribeArgs) error {
	err := s.describe(ctx, rag.Scope{Tenant: args.Tenant, Store: args.StoreID}, args.DocumentID)
	if err != nil {
		s.log().Warn("what was said of a document is not in the index; it is tried again", "document", args.DocumentID, "error", err)
	}
	return err
}

// DescribeAll tells an index what it missed: it was made before documents were
// described. It is run once after the start, beside everything else.
func (s *Service) DescribeAll(ctx context.Context) error {
	return s.Labels.EachUndescribed(ctx, func(d rag.Document) error {
		return s.describe(ctx, rag.Scope{Tenant: d.Tenant, Store: d.StoreID}, d.ID)
	})
}
