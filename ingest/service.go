package ingest

import (
	"context"
	"io"
	"log/slog"
	"time"

	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Parse turns a file into text. Its name helps where the content does not say
// what it is. Errors with one of the permanent codes (rag.CodeUnsupportedFile
// and those after it, rag.CodeTooLarge) fail the document at once.
type Parse func(ctx context.Context, o Original) (Text, error)

// Original is a file on its way to a parser.
type Original struct {
	io.ReadSeeker
	Name, MediaType string
	TakeApart       bool // what is attached to it goes into Text.Attached, not into its text
}

// Split cuts a text into spans, counting tokens with count. A text without
// words gives no spans.
type Split func(t Text, path string, count func(texts []string) ([]int, error)) ([]Span, error)

// Span is one chunk as Split sees it. Start and End are byte offsets into
// Text.Body on rune boundaries; spans are in order and do not overlap.
type Span struct {
	Start, End int
	Page       int // from 1; 0 without pages
	Heading    []string
	Header     string
}

// Limits bound what is taken in.
type Limits struct {
	MaxFile  int64         // bytes of one upload
	Batch    int           // chunks in one embed job
	Ahead    int           // embed jobs that wait until no further document is read; 0: any number
	Attempts int           // returned errors until a document is failed
	Backoff  time.Duration // before the second try; four times as long before each further one, at most 5 minutes; 0: 1 s
}

// Service is the way of a document. Fill in every field but Batches, Retrier, Backlog, Attachments, Locks and Log, then use it
// from any number of goroutines.
type Service struct {
	Library     Library
	Publisher   Publisher
	Catalog     Catalog
	Trash       Trash
	Batches     Batches     // nil: CancelBatch is not called
	Retrier     Retrier     // nil: Retry is not called
	Backlog     Backlog     // nil: documents are read however many wait to be embedded
	Attachments Attachments // nil: nothing becomes a document here; what is attached is left out of a text when the row says so (rag.Document.TakenApart)
	Files       Files
	Index       Index
	Labels      Labeller
	Describer   Describer // of the index
	Embedder    Embedder
	Parse       Parse
	Split       Split
	Analyze     rag.Analyze
	Limits      Limits
	Locks       Locks        // nil: no other process uses the library
	Log         *slog.Logger // nil: discard

	local   LocalLocks
	changes signal
}

func (s *Service) locks() Locks {
	if s.Locks == nil {
		return &s.local
	}
	return s.Locks
}

func (s *Service) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// Upload stores a document under a path of a store: durable when it returns.
// The path is cleaned; one that leads out of the store is refused. Labels that
// it says hold at once, also for the version before.
func (s *Service) Upload(ctx context.Context, scope rag.Scope, u rag.Upload) (rag.Document, error) {
	path, err := CleanPath(u.Path)
	if err != nil {
		return rag.Document{}, err
	}
	var doc rag.Document
	err = s.put(ctx, scope.Tenant, u.Body, func(ctx context.Context, sum string, size int64) error {
		doc, _, err = s.Library.Accept(ctx, Accepted{Tenant: scope.Tenant, StoreID: scope.Store, Path: path,
			SHA256: sum, Bytes: size, MediaType: u.MediaType, Labels: u.Labels})
		return err
	})
	if err == nil {
		failpoint.Reached(failpoint.UploadAccepted)
		s.relabelled(ctx, doc, u.Labels)
	}
	return doc, err
}

// AddFile stores a file that belongs to no store yet.
func (s *Service) AddFile(ctx context.Context, tenant, filename, purpose string, body io.Reader) (rag.File, error) {
	filename, err := CleanPath(filename)
	if err != nil {
		return rag.File{}, err
	}
	var file rag.File
	err = s.put(ctx, tenant, body, func(ctx context.Context, sum string, size int64) error {
		file, err = s.Catalog.AddFile(ctx, rag.File{Tenant: tenant, Filename: filename, Purpose: purpose, SHA256: sum, Bytes: size})
		return err
	})
	return file, err
}

// Attach enqueues an existing file for a store.
func (s *Service) Attach(ctx context.Context, scope rag.Scope, fileID string, labels rag.Labels) (rag.Document, error) {
	if _, err := s.Catalog.File(ctx, scope.Tenant, fileID); err != nil {
		return rag.Document{}, err
	}
	var doc rag.Document
	err := s.locks().Shared(ctx, documentLock(scope.Store, fileID), func(ctx context.Context) (err error) {
		doc, _, err = s.Library.Accept(ctx, Accepted{Tenant: scope.Tenant, StoreID: scope.Store, FileID: fileID, Labels: labels})
		return err
	})
	if err == nil {
		s.relabelled(ctx, doc, labels)
	}
	return doc, err
}

// put stores bytes, after looking whether they would be taken, and add makes a
// row that refers to them. When add fails, the content goes again unless
// something else refers to it.
func (s *Service) put(ctx context.Context, tenant string, body io.Reader, add func(ctx context.Context, sum string, size int64) error) error {
	if err := s.Catalog.Admit(ctx, tenant); err != nil {
		return err
	}
	body, empty, err := peek(body)
	if err != nil {
		return err
	}
	if empty {
		return rag.Fail(rag.CodeEmptyFile, "the file is empty; upload one that holds text")
	}
	staged, err := s.Files.Stage(ctx, body, s.Limits.MaxFile)
	if err != nil {
		return err
	}
	defer func() { _ = staged.Close() }() // the start removes what stays of it
	// The last document of the same content may be deleted just now: under the lock it goes before or not at all.
	err = s.locks().Shared(ctx, contentLock(staged.SHA256()), func(ctx context.Context) error {
		if err := staged.Keep(ctx); err != nil {
			return err
		}
		failpoint.Reached(failpoint.UploadStored)
		return add(ctx, staged.SHA256(), staged.Size())
	})
	if err != nil {
		if _, dropErr := s.drop(context.WithoutCancel(ctx), []string{staged.SHA256()}); dropErr != nil {
			s.log().Error("an unused file stays until the next start", "sha256", staged.SHA256(), "error", dropErr)
		}
	}
	return err
}

// drop deletes those contents that nothing refers to and says how many went.
func (s *Service) drop(ctx context.Context, sums []string) (n int, err error) {
	if len(sums) == 0 {
		return 0, nil
	}
	free, err := s.Catalog.Unreferenced(ctx, sums) // most are in use: those need no lock
	for i := 0; i < len(free) && err == nil; i++ {
		err = s.locks().Exclusive(ctx, contentLock(free[i]), func(ctx context.Context) error {
			gone, err := s.deleteUnused(ctx, free[i])
			if gone {
				n++
			}
			return err
		})
	}
	return n, err
}

// deleteUnused is called with the content's lock held.
func (s *Service) deleteUnused(ctx context.Context, sum string) (bool, error) {
	free, err := s.Catalog.Unreferenced(ctx, []string{sum})
	if err != nil || len(free) == 0 {
		return false, err
	}
	if err := ctx.Err(); err != nil { // this process stood still, and the lock may be another's
		return false, err
	}
	failpoint.Reached(failpoint.DropBegun)
	return true, s.Files.Delete(ctx, sum)
}

// Recover deletes the contents that an interrupted upload or deletion left. It
// is run once after the start, beside everything else.
func (s *Service) Recover(ctx context.Context) error {
	const batch = 200
	var some []string
	flush := func() error {
		_, err := s.drop(ctx, some)
		some = some[:0]
		return err
	}
	err := s.Files.List(ctx, func(sum string) error {
		if some = append(some, sum); len(some) < batch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}
