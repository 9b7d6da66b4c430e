package app

import (
	"context"
	"time"

	"groundwork/api"
	"groundwork/ingest"
	"groundwork/internal/telemetry"
	"groundwork/rag"
)

// observeIngest puts meters around everything that a document passes. Call it
// before the service is used.
func (a *App) observeIngest(s *ingest.Service) {
	m := meter{a.metrics, a.tracing}
	parse, split := s.Parse, s.Split
	s.Parse = func(ctx context.Context, o ingest.Original) (ingest.Text, error) {
		ctx, done := m.stage(ctx, "parse")
		text, err := parse(ctx, o)
		done(err)
		return text, err
	}
	s.Split = func(t ingest.Text, path string, count func([]string) ([]int, error)) ([]ingest.Span, error) {
		began := time.Now()
		spans, err := split(t, path, count)
		a.metrics.IngestStage("chunk", time.Since(began))
		return spans, err
	}
	s.Embedder = meteredEmbedder{s.Embedder, m, a.models.embed.Name(), a.models.dimensions}
	s.Index = meteredIndex{s.Index, m}
	s.Publisher = meteredPublisher{s.Publisher, a.metrics}
}

// meter takes the time of a step, and makes a span of it when tracing is on.
type meter struct {
	metrics *telemetry.Metrics
	tracing *telemetry.Tracing
}

func (m meter) stage(ctx context.Context, stage string) (context.Context, func(error)) {
	began := time.Now()
	ctx, span := m.tracing.Start(ctx, "stage "+stage)
	return ctx, func(err error) {
		m.metrics.IngestStage(stage, time.Since(began))
		span.End(string(rag.CodeOf(err)))
	}
}

type meteredEmbedder struct {
	ingest.Embedder
	meter
	model      string
	dimensions int
}

// EmbedPassages implements ingest.Embedder.
func (e meteredEmbedder) EmbedPassages(ctx context.Context, texts []string) ([][]float32, error) {
	began := time.Now()
	ctx, span := e.tracing.Embedding(ctx, e.model, len(texts), e.dimensions)
	vectors, err := e.Embedder.EmbedPassages(ctx, texts)
	e.metrics.IngestStage("embed", time.Since(began))
	if err == nil {
		e.metrics.Chunks(len(vectors))
	}
	span.End(string(rag.CodeOf(err)))
	return vectors, err
}

type meteredIndex struct {
	ingest.Index
	meter
}

// Upsert implements ingest.Index.
func (x meteredIndex) Upsert(ctx context.Context, scope rag.Scope, entries []ingest.Entry) error {
	ctx, done := x.stage(ctx, "index")
	err := x.Index.Upsert(ctx, scope, entries)
	done(err)
	return err
}

// Publish implements ingest.Index.
func (x meteredIndex) Publish(ctx context.Context, scope rag.Scope, documentID string, version int) error {
	ctx, done := x.stage(ctx, "publish")
	err := x.Index.Publish(ctx, scope, documentID, version)
	done(err)
	return err
}

// meteredPublisher counts how versions end; each ends once.
type meteredPublisher struct {
	ingest.Publisher
	metrics *telemetry.Metrics
}

// Ready implements ingest.Publisher.
func (p meteredPublisher) Ready(ctx context.Context, ref ingest.Ref) (ingest.Superseded, error) {
	old, err := p.Publisher.Ready(ctx, ref)
	if err == nil {
		p.metrics.Document("ready")
	}
	return old, err
}

// Fail implements ingest.Publisher.
func (p meteredPublisher) Fail(ctx context.Context, ref ingest.Ref, code rag.Code, message string) error {
	err := p.Publisher.Fail(ctx, ref, code, message)
	if err == nil {
		p.metrics.Document(string(code))
	}
	return err
}

// tracedUploader makes the span that the jobs of an upload belong to.
type tracedUploader struct {
	api.Uploader
	tracing *telemetry.Tracing
}

func (a *App) observedUploader(u api.Uploader) api.Uploader {
	if a.tracing == nil {
		return u
	}
	return tracedUploader{u, a.tracing}
}

// Upload implements api.Uploader.
func (u tracedUploader) Upload(ctx context.Context, scope rag.Scope, in rag.Upload) (rag.Document, error) {
	ctx, span := u.tracing.Start(ctx, "upload", telemetry.String("groundwork.store.id", scope.Store))
	doc, err := u.Uploader.Upload(ctx, scope, in)
	endUpload(span, doc, err)
	return doc, err
}

// Attach implements api.Uploader.
func (u tracedUploader) Attach(ctx context.Context, scope rag.Scope, fileID string, labels rag.Labels) (rag.Document, error) {
	ctx, span := u.tracing.Start(ctx, "upload", telemetry.String("groundwork.store.id", scope.Store))
	doc, err := u.Uploader.Attach(ctx, scope, fileID, labels)
	endUpload(span, doc, err)
	return doc, err
}

func endUpload(span *telemetry.Span, doc rag.Document, err error) {
	if err == nil {
		span.Set(telemetry.String("groundwork.document.id", doc.ID), telemetry.Int("groundwork.document.version", doc.Version),
			telemetry.Int("groundwork.document.bytes", int(doc.Bytes)))
	}
	span.End(string(rag.CodeOf(err)))
}
