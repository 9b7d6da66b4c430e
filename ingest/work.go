package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Register adds the five kinds of jobs.
func (s *Service) Register(workers *river.Workers) {
	river.AddWorker(workers, &worker[ParseArgs]{service: s, work: func(ctx context.Context, job *river.Job[ParseArgs]) error {
		return s.step(ctx, job.JobRow, job.Args.Ref, s.parse)
	}})
	river.AddWorker(workers, &worker[EmbedArgs]{service: s, work: func(ctx context.Context, job *river.Job[EmbedArgs]) error {
		return s.step(ctx, job.JobRow, job.Args.Ref, func(ctx context.Context, ref Ref) error {
			return s.embed(ctx, ref, job.Args.From, job.Args.To)
		})
	}})
	river.AddWorker(workers, &worker[PublishArgs]{service: s, work: func(ctx context.Context, job *river.Job[PublishArgs]) error {
		return s.step(ctx, job.JobRow, job.Args.Ref, s.publish)
	}})
	river.AddWorker(workers, &worker[SweepArgs]{service: s, work: func(ctx context.Context, job *river.Job[SweepArgs]) error {
		return s.sweepJob(ctx, job.Args)
	}})
	river.AddWorker(workers, &worker[DescribeArgs]{service: s, work: func(ctx context.Context, job *river.Job[DescribeArgs]) error {
		return s.describeJob(ctx, job.Args)
	}})
}

// worker is a River worker made of a function.
type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	service *Service
	work    func(ctx context.Context, job *river.Job[T]) error
}

func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error { return w.work(ctx, job) }

// NextRetry follows Limits.Backoff.
func (w *worker[T]) NextRetry(job *river.Job[T]) time.Time {
	first := cmp.Or(w.service.Limits.Backoff, time.Second)
	return time.Now().Add(min(first<<min(2*len(job.Errors), 16), 5*time.Minute))
}

// parse turns the file into text and chunks.
func (s *Service) parse(ctx context.Context, ref Ref) error {
	if err := s.keepPace(ctx); err != nil {
		return err
	}
	doc, err := s.Library.Start(ctx, ref)
	if err != nil {
		return err
	}
	failpoint.Reached(failpoint.ParseStarted)
	// Chunking counts tokens: without the model server the parser would run in vain, again and again.
	count := func(texts []string) ([]int, error) {
		n, err := s.Embedder.CountTokens(ctx, texts)
		return n, ofModel(err)
	}
	if _, err := count([]string{doc.Path}); err != nil {
		return err
	}
	within, err := s.within(ctx, doc)
	if err != nil {
		return err
	}
	apart := s.takesApart(doc, within)
	text, err := s.read(ctx, doc, apart)
	if err != nil {
		return err
	}
	failpoint.Reached(failpoint.ParseRead)
	spans, err := s.Split(text, doc.Path, count)
	if err != nil {
		return fmt.Errorf("cut into chunks: %w", err)
	}
	if len(spans) == 0 {
		return noText(text)
	}
	if len(within) > 0 {
		attachedTo(within[0], spans)
	}
	chunks, err := toChunks(ref, text.Body, spans)
	if err != nil {
		return err
	}
	err = s.save(ctx, ref, Reading{Text: text.Body, Chunks: chunks, TakenApart: apart}, text.Attached)
	failpoint.Reached(failpoint.ParseSaved)
	return err
}

func (s *Service) read(ctx context.Context, doc rag.Document, takeApart bool) (text Text, err error) {
	file, err := s.Files.Open(ctx, doc.SHA256)
	if rag.CodeOf(err) == rag.CodeNotFound {
		return Text{}, &rag.Error{Code: rag.CodeOriginal, Err: err, Message: "the stored original is missing; upload the document again"}
	}
	if err != nil {
		return Text{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return s.Parse(ctx, Original{ReadSeeker: file, Name: doc.Path, MediaType: doc.MediaType, TakeApart: takeApart})
}

// noText is why a document without chunks fails: one with pages is a scan.
func noText(t Text) error {
	for _, m := range t.Marks {
		if m.Kind == MarkPage {
			return rag.Fail(rag.CodeNoText, "the document has pages but no text, as a scan has; run text recognition (OCR) on it and upload the result")
		}
	}
	return rag.Fail(rag.CodeEmptyFile, "the document holds no text; upload one that does")
}

// embed indexes one batch of chunks.
func (s *Service) embed(ctx context.Context, ref Ref, from, to int) error {
	chunks, err := s.Library.Chunks(ctx, ref, from, to)
	if err != nil {
		return err
	}
	texts := make([]string, len(chunks))
	for i, c := range chunks {
		texts[i] = c.Searchable()
	}
	vectors, err := s.Embedder.EmbedPassages(ctx, texts)
	if err != nil {
		return ofModel(err)
	}
	if len(vectors) != len(chunks) {
		return ofModel(fmt.Errorf("%d vectors came for %d chunks", len(vectors), len(chunks)))
	}
	entries := make([]Entry, len(chunks))
	for i, c := range chunks {
		entries[i] = Entry{ChunkID: c.ID, DocumentID: ref.DocumentID, Version: ref.Version, Vector: vectors[i], Terms: s.Analyze(texts[i])}
	}
	if err := ctx.Err(); err != nil { // a client that ignores its context must not write for a job that is over
		return err
	}
	failpoint.Reached(failpoint.BatchEmbedded)
	if err := s.Index.Upsert(ctx, ref.Scope(), entries); err != nil {
		return err
	}
	failpoint.Reached(failpoint.BatchIndexed)
	err = s.Library.Embedded(ctx, ref, from, to)
	failpoint.Reached(failpoint.BatchCounted)
	return err
}

// publish flips the pointer: index first, so that what the library calls ready
// can be found. Once the index shows the version, the library is told, even
// when the job's time is over. The document is described before, so that no
// search sees it without, and after, as a worker that came late may have
// upserted entries between the two.
func (s *Service) publish(ctx context.Context, ref Ref) error {
	err := s.Publisher.Complete(ctx, ref)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	failpoint.Reached(failpoint.PublishBegun)
	if err := s.describe(ctx, ref.Scope(), ref.DocumentID); err != nil {
		return err
	}
	failpoint.Reached(failpoint.PublishDescribed)
	if err := s.Index.Publish(ctx, ref.Scope(), ref.DocumentID, ref.Version); err != nil {
		return err
	}
	failpoint.Reached(failpoint.PublishFlipped)
	if err := s.describe(ctx, ref.Scope(), ref.DocumentID); err != nil {
		return err
	}
	failpoint.Reached(failpoint.PublishRedone)
	told, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	old, err := s.Publisher.Ready(told, ref)
	if err != nil {
		return searchable(err)
	}
	failpoint.Reached(failpoint.PublishReady)
	s.changes.fire()
	s.log().Info("document ready", "document", ref.DocumentID, "version", ref.Version)
	if _, err := s.drop(ctx, old.Originals); err != nil {
		s.log().Error("the file of an old version stays until the next start", "document", ref.DocumentID, "error", err)
	}
	for _, r := range old.Removals {
		if _, err := s.finish(ctx, r, nil); err != nil {
			s.log().Error("what was attached to an old version is removed by a job", "document", r.ObjectID, "error", err)
		}
	}
	failpoint.Reached(failpoint.PublishDropped)
	return nil
}

// searchable is an error of Ready: the index shows the version already, so it
// must become the live one, however long that takes.
func searchable(err error) error {
	var known *rag.Error
	if errors.As(err, &known) {
		return err
	}
	return &rag.Error{Code: rag.CodeUnavailable, Err: err, Message: "the document is indexed but not yet marked as ready; it is tried again"}
}

// sweepJob ends a deletion that its caller did not.
func (s *Service) sweepJob(ctx context.Context, args SweepArgs) error {
	r, err := s.Trash.Pending(ctx, args.Tenant, args.RemovalID)
	if err == nil {
		err = s.sweep(ctx, r)
	}
	if errors.Is(err, ErrDone) {
		return nil
	}
	if err != nil {
		s.log().Error("a deletion is not complete; it is tried again", "removal", args.RemovalID, "error", err)
	}
	return err
}

// rescued tells River's note on a job whose worker died from an error of ours.
func rescued(note string) bool { return strings.HasPrefix(note, "Stuck job rescued") }
