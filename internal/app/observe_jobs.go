package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"groundwork/ingest"
	"groundwork/internal/telemetry"
	"groundwork/rag"
)

// queueMiddleware is what the queue runs around jobs: nothing without tracing.
func (a *App) queueMiddleware() []rivertype.Middleware {
	if a.tracing == nil {
		return nil
	}
	return []rivertype.Middleware{&jobTraces{tracing: a.tracing, log: a.opts.Log}}
}

// jobTraces lets a job's span belong to the trace of what queued it: the trace
// travels in the job's metadata as traceparent and tracestate.
type jobTraces struct {
	river.MiddlewareDefaults
	tracing *telemetry.Tracing
	log     *slog.Logger
}

// InsertMany implements rivertype.JobInsertMiddleware.
func (j *jobTraces) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams, insert func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	if carried := j.tracing.Carry(ctx); carried != nil {
		for _, job := range jobs {
			job.Metadata = withTrace(job.Metadata, carried)
		}
	}
	return insert(ctx)
}

// withTrace adds to a JSON object; one that cannot be read stays as it is.
func withTrace(metadata []byte, carried map[string]string) []byte {
	all := map[string]json.RawMessage{}
	if len(metadata) > 0 && json.Unmarshal(metadata, &all) != nil {
		return metadata
	}
	for name, value := range carried {
		all[name], _ = json.Marshal(value) // strings always marshal
	}
	merged, err := json.Marshal(all)
	if err != nil {
		return metadata
	}
	return merged
}

// Work implements rivertype.WorkerMiddleware.
func (j *jobTraces) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	var carried struct {
		Parent string `json:"traceparent"`
		State  string `json:"tracestate"`
	}
	_ = json.Unmarshal(job.Metadata, &carried) // without it the job begins a trace of its own
	var ref ingest.Ref
	_ = json.Unmarshal(job.EncodedArgs, &ref) // a sweep has none of its fields but the tenant
	ctx = j.tracing.Resume(ctx, map[string]string{"traceparent": carried.Parent, "tracestate": carried.State})
	ctx, span := j.tracing.Job(ctx, job.Kind, telemetry.Int("groundwork.job.attempt", job.Attempt),
		telemetry.String("groundwork.store.id", ref.StoreID), telemetry.String("groundwork.document.id", ref.DocumentID),
		telemetry.Int("groundwork.document.version", ref.Version))
	began, outcome, code := time.Now(), "panicked", rag.CodeInternal
	defer func() {
		span.Set(telemetry.String("groundwork.job.outcome", outcome))
		span.End(string(code))
		j.log.DebugContext(ctx, "job", "job", job.Kind, "id", job.ID, "attempt", job.Attempt, "document", ref.DocumentID, "version", ref.Version,
			"outcome", outcome, "code", string(code), "ms", time.Since(began).Milliseconds())
	}()
	err := work(ctx)
	outcome, code = outcomeOf(err)
	return err
}

// outcomeOf reads what a job told the queue. To wait is no failure.
func outcomeOf(err error) (outcome string, code rag.Code) {
	var snoozed *rivertype.JobSnoozeError
	var cancelled *rivertype.JobCancelError
	switch {
	case err == nil:
		return "done", ""
	case errors.As(err, &snoozed):
		return "snoozed", ""
	case errors.As(err, &cancelled):
		return "failed", rag.CodeOf(err)
	case errors.Is(err, context.Canceled):
		return "interrupted", ""
	}
	return "retried", rag.CodeOf(err)
}
