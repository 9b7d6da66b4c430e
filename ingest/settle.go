package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"groundwork/internal/failpoint"
	"groundwork/rag"
)

const (
	// snooze is how long a job waits for a model server that is down and does not say how long.
	snooze = 3 * time.Second
	// maxStarts is how often a job may start without ever returning: then it is
	// taken for the one that kills the process.
	maxStarts = 50
	// lastWords is the time to record a failure, or to clean up, after the job's own has run out.
	lastWords = 10 * time.Second
	// overdue is how long after its deadline a job that returns must have stood
	// still with its process: another worker may have taken it over.
	overdue = 10 * time.Second
)

// permanent are the codes that no second try changes.
var permanent = map[rag.Code]bool{
	rag.CodeUnsupportedFile: true, rag.CodeInvalidFile: true, rag.CodeEmptyFile: true, rag.CodeEncrypted: true,
	rag.CodeNoText: true, rag.CodeParseLimit: true, rag.CodeTooLarge: true, rag.CodeOriginal: true,
}

// step runs one step of a version and turns its result into River's instructions.
func (s *Service) step(ctx context.Context, job *rivertype.JobRow, ref Ref, f func(context.Context, Ref) error) error {
	if job.Attempt > maxStarts {
		return s.settle(ctx, job, ref, rag.Fail(rag.CodeInvalidFile,
			"the server ended every time it processed this document; check the file and the server's log"))
	}
	if n := errorsOf(job); n >= s.Limits.Attempts { // the last one was a panic, which nobody could settle
		return s.settle(ctx, job, ref, fmt.Errorf("%d attempts failed", n))
	}
	return s.settle(ctx, job, ref, f(ctx, ref))
}

// settle: nil is done; stale and done versions end quietly; a model server that
// is away and a full disk cost time only; other errors count, and the last one fails the document.
func (s *Service) settle(ctx context.Context, job *rivertype.JobRow, ref Ref, err error) error {
	switch code := rag.CodeOf(err); {
	case err == nil, errors.Is(err, ErrDone):
		return nil
	case errors.Is(err, ErrStale):
		return s.discard(ctx, ref)
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled // the server stops; River keeps the job as it was
	case late(ctx):
		return s.overtaken(ctx, ref)
	case code == rag.CodeBusy: // others go first
		return river.JobSnooze(patience(err))
	case code == rag.CodeUnavailable || code == rag.CodeFull:
		s.delayed(ctx, ref, false, err)
		return river.JobSnooze(patience(err))
	case permanent[code] || errorsOf(job)+1 >= s.Limits.Attempts:
		return s.fail(ctx, job, ref, err)
	default:
		s.log().Warn("a job failed; it is tried again", "job", job.Kind, "document", ref.DocumentID, "version", ref.Version, "error", err)
		s.delayed(ctx, ref, true, err)
		return err
	}
}

// delayed lets the document's row say why it does not go on; no harm is done when it cannot.
func (s *Service) delayed(ctx context.Context, ref Ref, attempt bool, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	why := "a step failed and is tried again; the server's log tells why"
	var known *rag.Error
	if errors.As(cause, &known) && known.Code != rag.CodeInternal {
		why = known.Message
	}
	if err := s.Publisher.Delayed(ctx, ref, attempt, why); err != nil && !errors.Is(err, ErrStale) && !errors.Is(err, ErrDone) {
		s.log().Debug("a document's row does not say why it waits", "document", ref.DocumentID, "version", ref.Version, "error", err)
	}
}

// overtaken ends a job that this process may have lost to another: its error
// says nothing about the document, but what it left of a version that was given
// up meanwhile goes. A job that nobody took over is tried again.
func (s *Service) overtaken(ctx context.Context, ref Ref) error {
	check, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if errors.Is(s.Publisher.Complete(check, ref), ErrStale) {
		return s.discard(ctx, ref)
	}
	return river.JobSnooze(snooze)
}

// late tells whether the process stood still past the job's deadline. Clock
// readings without their monotonic part count a suspended machine too.
func late(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Now().Round(0).Sub(deadline.Round(0)) > overdue
}

// fail shows the document as failed and stops the job.
func (s *Service) fail(ctx context.Context, job *rivertype.JobRow, ref Ref, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	code, message := verdict(cause)
	switch err := s.Publisher.Fail(ctx, ref, code, message); {
	case errors.Is(err, ErrDone):
		return nil
	case err != nil && !errors.Is(err, ErrStale):
		return err
	}
	failpoint.Reached(failpoint.FailRecorded)
	if err := s.discard(ctx, ref); err != nil {
		return err
	}
	s.changes.fire()
	s.log().Warn("document failed", "job", job.Kind, "document", ref.DocumentID, "version", ref.Version, "code", code, "error", cause)
	return river.JobCancel(cause)
}

// verdict is what the document's row says about the cause.
func verdict(cause error) (rag.Code, string) {
	var known *rag.Error
	if errors.As(cause, &known) && known.Code != rag.CodeInternal {
		return known.Code, known.Message
	}
	return rag.CodeInternal, "the document could not be processed; upload it again, and look at the server's log if it fails again"
}

// ofModel marks an error of the embedding model as such; one that says "later" stays as it is.
func ofModel(err error) error {
	code := rag.CodeOf(err)
	if err == nil || code == rag.CodeUnavailable || code == rag.CodeBusy {
		return err
	}
	message := "the embedding model could not process the document; check the model server, then upload it again"
	var known *rag.Error
	if errors.As(err, &known) && code != rag.CodeInternal {
		message = known.Message
	}
	return &rag.Error{Code: rag.CodeEmbedding, Message: message, Err: err}
}

// discard takes what a version that will never be searchable left in the
// index, even when the job's time is over: nobody else will. One that waits to
// be published is left to its publish job, though it was superseded.
func (s *Service) discard(ctx context.Context, ref Ref) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	switch err := s.Publisher.Complete(ctx, ref); {
	case err == nil, errors.Is(err, ErrDone):
		return nil
	case !errors.Is(err, ErrStale):
		return err
	}
	if err := s.Index.Discard(ctx, ref.Scope(), ref.DocumentID, ref.Version); err != nil {
		return fmt.Errorf("discard version %d: %w", ref.Version, err)
	}
	return s.removeGone(ctx, ref)
}

// removeGone takes a document that was deleted out of the index once more: a
// worker that came late may have published it after the deletion was swept.
// Nobody attaches the same file meanwhile.
func (s *Service) removeGone(ctx context.Context, ref Ref) error {
	return s.locks().Exclusive(ctx, documentLock(ref.StoreID, ref.DocumentID), func(ctx context.Context) error {
		_, err := s.Catalog.Document(ctx, ref.Scope(), ref.DocumentID)
		if rag.CodeOf(err) != rag.CodeNotFound {
			return err
		}
		if err := ctx.Err(); err != nil { // this process stood still, and the lock may be another's
			return err
		}
		if _, _, err = s.Index.Remove(ctx, ref.Scope(), ref.DocumentID); err != nil {
			return fmt.Errorf("remove a deleted document: %w", err)
		}
		return nil
	})
}

// errorsOf counts the errors that a job returned; the death of a worker is none.
func errorsOf(job *rivertype.JobRow) int {
	n := 0
	for _, e := range job.Errors {
		if !rescued(e.Error) {
			n++
		}
	}
	return n
}

// patience is how long to wait for a model server.
func patience(err error) time.Duration {
	var known *rag.Error
	if errors.As(err, &known) && known.RetryAfter > 0 {
		return min(known.RetryAfter, time.Minute)
	}
	return snooze
}
