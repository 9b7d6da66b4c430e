package ingest

import (
	"context"

	"groundwork/rag"
)

// Retry processes a failed document once more, as a new version from the
// original that is kept: durable when it returns. It fails with rag.CodeConflict
// when there is nothing to try: the document has not failed, or its original is lost.
func (s *Service) Retry(ctx context.Context, scope rag.Scope, documentID string) (rag.Document, error) {
	doc, err := s.Catalog.Document(ctx, scope, documentID)
	if err != nil {
		return rag.Document{}, err
	}
	err = s.locks().Shared(ctx, contentLock(doc.SHA256), func(ctx context.Context) error {
		original, err := s.Files.Open(ctx, doc.SHA256)
		if rag.CodeOf(err) == rag.CodeNotFound {
			return &rag.Error{Code: rag.CodeConflict, Err: err, Message: "the stored original is missing or damaged; upload the document again"}
		}
		if err != nil {
			return err
		}
		if err := original.Close(); err != nil {
			return err
		}
		doc, err = s.Retrier.Retry(ctx, scope, documentID)
		return err
	})
	if err != nil {
		return rag.Document{}, err
	}
	return doc, nil
}
