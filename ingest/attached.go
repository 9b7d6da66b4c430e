package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"

	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// maxWithin is how deep attachments become documents: those of a mail, and those
// of a mail in it. A mail that lies deeper is read with what is attached to it.
const maxWithin = 2

// within are the documents that doc is attached to, the nearest first, maxWithin at most.
func (s *Service) within(ctx context.Context, doc rag.Document) (mails []rag.Document, err error) {
	scope := rag.Scope{Tenant: doc.Tenant, Store: doc.StoreID}
	for at := doc; at.AttachedTo != "" && len(mails) < maxWithin; mails = append(mails, at) {
		at, err = s.Catalog.Document(ctx, scope, at.AttachedTo)
		if rag.CodeOf(err) == rag.CodeNotFound {
			return mails, nil // it was just removed, and doc with it
		}
		if err != nil {
			return nil, err
		}
	}
	return mails, nil
}

func (s *Service) takesApart(doc rag.Document, within []rag.Document) bool {
	if s.Attachments == nil {
		return doc.TakenApart
	}
	return len(within) < maxWithin
}

// attachedTo has chunks found by the name of the mail too.
func attachedTo(mail rag.Document, spans []Span) {
	for i := range spans {
		header := "in " + path.Base(mail.Path)
		if spans[i].Header != "" {
			header = spans[i].Header + "\n" + header
		}
		spans[i].Header = header
	}
}

// save stores what was read, and what was taken out of it as documents. The
// bytes of these come first: nothing deletes them from when they are expected.
func (s *Service) save(ctx context.Context, ref Ref, r Reading, files []Attachment) error {
	if s.Attachments == nil || len(files) == 0 {
		return s.Library.SaveText(ctx, ref, r, s.Limits.Batch)
	}
	sums := make([]string, len(files))
	for i, f := range files {
		name, err := CleanPath(f.Name)
		if err != nil || name != f.Name {
			return fmt.Errorf("the parser gave an attachment a name that no file has: %w", err)
		}
		sum := sha256.Sum256(f.Data)
		sums[i] = hex.EncodeToString(sum[:])
		r.Attached = append(r.Attached, Attached{Path: name, SHA256: sums[i], Bytes: int64(len(f.Data)), MediaType: f.MediaType})
	}
	err := s.Attachments.Expect(ctx, ref, sums)
	failpoint.Reached(failpoint.AttachedExpected)
	for i := 0; i < len(files) && err == nil; i++ {
		err = s.keep(ctx, sums[i], files[i].Data)
	}
	if err == nil {
		failpoint.Reached(failpoint.AttachedStored)
		err = s.Library.SaveText(ctx, ref, r, s.Limits.Batch)
	}
	if err != nil { // what is still expected stays
		if _, dropErr := s.drop(context.WithoutCancel(ctx), sums); dropErr != nil {
			s.log().Error("the files of attachments stay until the next start", "document", ref.DocumentID, "error", dropErr)
		}
	}
	return err
}

// keep stores an expected content. Whoever found it unused before it was expected has deleted it by then.
func (s *Service) keep(ctx context.Context, sum string, data []byte) error {
	return s.locks().Shared(ctx, contentLock(sum), func(ctx context.Context) error {
		got, _, err := s.Files.Put(ctx, bytes.NewReader(data), int64(len(data)))
		if err == nil && got != sum {
			err = fmt.Errorf("an attachment was stored as %s instead of %s", got, sum)
		}
		return err
	})
}
