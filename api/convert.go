package api

import (
	"time"

	"groundwork/api/openai"
	"groundwork/rag"
)

// toQuestion is a question of a caller to a store.
func toQuestion(id string, p rag.Principal, st rag.Store, q openai.Question) rag.Question {
	messages := make([]rag.Message, len(q.Messages))
	for i, m := range q.Messages {
		messages[i] = rag.Message{Role: m.Role, Content: m.Content}
	}
	return rag.Question{ID: id, Scope: narrow(scopeOf(p, st), q.Extension.Filter), Calibration: rag.CalibrationIn(st.Metadata), Messages: messages, Sampling: rag.Sampling{
		MaxTokens: q.MaxTokens, Temperature: q.Temperature, TopP: q.TopP, Seed: q.Seed, Stop: q.Stop},
		Abstain: rag.Abstain(q.Extension.Abstain), Budget: q.Extension.ContextBudget, Isolated: q.Extension.Isolated}
}

// narrow is the scope with those of its documents that fit the filter; nil changes nothing.
func narrow(scope rag.Scope, f *openai.Filter) rag.Scope {
	if f == nil {
		return scope
	}
	filter, only := toFilter(*f), rag.Only{}
	if scope.Only != nil {
		only = *scope.Only
	}
	only.Filter = &filter
	scope.Only = &only
	return scope
}

func toLabels(l openai.Labels) rag.Labels {
	return rag.Labels{Attributes: l.Attributes, Allow: l.Allow}
}

func toFilter(f openai.Filter) rag.Filter {
	out := rag.Filter{Op: rag.Op(f.Type), Key: f.Key, Values: f.Values}
	for _, g := range f.Filters {
		out.Filters = append(out.Filters, toFilter(g))
	}
	return out
}

func fromAnswer(a rag.Answer, base string) openai.Answer {
	u := a.Usage
	g := openai.Groundwork{
		AnswerID: a.ID, Abstained: a.Abstained, Query: a.Query, Evidence: openai.Evidence(a.Evidence),
		Sources: fromSources(a.Sources), Nearest: fromSources(a.Nearest), Unsupported: a.Unsupported, DroppedSentences: a.DroppedSentences,
		Context: fromContext(a.Context), Fingerprint: fromFingerprint(a.Fingerprint), TimingsMs: fromTimings(a.Timings),
	}
	for _, c := range a.Citations {
		g.Citations = append(g.Citations, openai.Citation{Source: c.Source, AnswerStart: c.AnswerStart, AnswerEnd: c.AnswerEnd,
			DocumentID: c.DocumentID, Start: c.Start, End: c.End, Page: openai.Page(c.Page), Heading: list(c.Heading), Quote: c.Quote, Verdict: string(c.Verdict)})
	}
	return openai.Answer{Text: a.Text, FinishReason: u.FinishReason, Usage: openai.NewUsage(u.PromptTokens, u.CachedTokens, u.CompletionTokens),
		Groundwork: g, Base: base}
}

func fromContext(c rag.ContextUse) openai.ContextUse {
	out := openai.ContextUse{Limit: c.Limit, Budget: c.Budget, PromptTokens: c.PromptTokens, Cut: c.Cut, Dropped: []openai.Dropped{}}
	for _, d := range c.Dropped {
		out.Dropped = append(out.Dropped, openai.Dropped{ChunkID: d.ChunkID, Reason: d.Reason})
	}
	if r := c.Reranking; r != nil {
		out.Reranking = &openai.Reranking{Model: r.Model, Passages: r.Passages, Failed: r.Failed}
	}
	return out
}

func fromFingerprint(f rag.Fingerprint) openai.Fingerprint {
	return openai.Fingerprint{Model: f.Model, Adapter: openai.OrNull(f.Adapter), Quantisation: openai.OrNull(f.Quantisation), Embedding: f.Embedding,
		Reranker: f.Reranker, IndexGeneration: f.IndexGeneration, Prompt: f.Prompt, Code: f.Code}
}

func fromTimings(laps []rag.Timing) map[string]float64 {
	out := map[string]float64{}
	for _, t := range laps {
		out[t.Stage] += t.Ms
	}
	return out
}

func fromExplanation(e rag.Explanation) openai.Explanation {
	out := openai.Explanation{Evidence: openai.Evidence(e.Evidence), Abstains: e.Abstains, Given: []string{}, Spans: [][2]int{}, Prompt: []openai.PromptMessage{},
		Context: fromContext(e.Context), TimingsMs: fromTimings(e.Timings), Fingerprint: fromFingerprint(e.Fingerprint)}
	for _, m := range e.Prompt {
		out.Prompt = append(out.Prompt, openai.PromptMessage{Role: m.Role, Content: m.Content})
	}
	for _, s := range e.Given {
		out.Given = append(out.Given, s.Passage.ChunkID)
		out.Spans = append(out.Spans, [2]int{s.Passage.Start, s.Passage.End})
	}
	if e.NoPrompt != nil {
		out.NoPrompt = toProblem(e.NoPrompt).body.Error.Message
	}
	return out
}

func fromSources(sources []rag.Source) []openai.Source {
	out := make([]openai.Source, len(sources))
	for i, s := range sources {
		p := s.Passage
		out[i] = openai.Source{Index: s.Index, DocumentID: p.DocumentID, Filename: p.Filename, ChunkID: p.ChunkID,
			Start: p.Start, End: p.End, Page: openai.Page(p.Page), Heading: list(p.Heading), Text: p.Text, Score: s.Score, Attributes: p.Attributes}
	}
	return out
}

// fromRanked numbers the passages that were not dropped.
func fromRanked(ranked []rag.Ranked) []openai.Ranked {
	out := make([]openai.Ranked, len(ranked))
	rank := 0
	for i, r := range ranked {
		p := r.Passage
		out[i] = openai.Ranked{DocumentID: p.DocumentID, Filename: p.Filename, ChunkID: p.ChunkID,
			Start: p.Start, End: p.End, Page: openai.Page(p.Page), Heading: list(p.Heading), Text: p.Text,
			Score: r.Score, DenseRank: openai.Page(r.DenseRank), Dense: r.Dense, TextRank: openai.Page(r.TextRank), TextScore: r.Text,
			Dropped: openai.OrNull(r.Dropped), Attributes: p.Attributes}
		if r.RerankRank > 0 {
			out[i].RerankRank, out[i].Rerank = openai.Page(r.RerankRank), &r.Rerank
		}
		if r.Dropped == "" {
			rank++
			out[i].Rank = new(rank)
		}
	}
	return out
}

func fromStore(st rag.Store) openai.VectorStore {
	return openai.NewVectorStore(openai.VectorStore{ID: st.ID, Name: st.Name, CreatedAt: unix(st.CreatedAt), LastActiveAt: unix(st.CreatedAt),
		UsageBytes: st.Bytes, Metadata: st.Metadata, FileCounts: fromCounts(st.Counts)})
}

func fromCounts(n map[rag.State]int) openai.FileCounts {
	return openai.FileCounts{InProgress: n[rag.StateQueued] + n[rag.StateParsing] + n[rag.StateEmbedding],
		Completed: n[rag.StateReady], Failed: n[rag.StateFailed]}
}

func fromBatch(b rag.Batch) openai.Batch {
	counts := fromCounts(b.Counts)
	counts.Cancelled = b.Gone
	return openai.NewBatch(openai.Batch{ID: b.ID, CreatedAt: unix(b.CreatedAt), VectorStoreID: b.StoreID, FileCounts: counts}, b.Cancelled)
}

// fromDocument shows the groups that may read a document to keys without groups only.
func fromDocument(p rag.Principal, d rag.Document) openai.Document {
	doc := openai.Document{ID: d.ID, Store: d.StoreID, Filename: d.Path, Status: string(d.State), Error: openai.NewFileError(string(d.ErrorCode), d.Error),
		Attempts: d.Attempts, WaitingFor: openai.OrNull(d.WaitsFor),
		Bytes: d.Bytes, MediaType: d.MediaType, SHA256: d.SHA256, Version: d.Version, LiveVersion: openai.Page(d.LiveVersion),
		Chunks: d.Chunks, ChunksDone: d.ChunksDone, Attributes: d.Attributes, CreatedAt: unix(d.CreatedAt), UpdatedAt: unix(d.UpdatedAt),
		AttachedTo: d.AttachedTo}
	if p.Groups == nil {
		doc.Allow = list(d.Allow)
	}
	return openai.NewDocument(doc)
}

func fromUpload(d rag.Document) openai.Upload {
	return openai.Upload{ID: openai.OrNull(d.ID), Filename: d.Path, Status: string(d.State), Error: openai.NewFileError(string(d.ErrorCode), d.Error)}
}

func fromFile(f rag.File) openai.File {
	out := openai.File{ID: f.ID, Bytes: f.Bytes, CreatedAt: unix(f.CreatedAt), Filename: f.Filename, Purpose: f.Purpose}
	if f.AttachedTo != "" {
		out.Groundwork = &openai.FileOrigin{AttachedTo: f.AttachedTo}
	}
	return openai.NewFile(out)
}

func deleted(id, kind string, r *rag.Receipt) openai.Deleted {
	d := openai.Deleted{ID: id, Object: kind, Deleted: true}
	if r != nil {
		d.Groundwork = &openai.Deletion{Receipt: fromReceipt(*r)}
	}
	return d
}

func fromReceipt(r rag.Receipt) openai.Receipt {
	out := openai.Receipt{ID: r.ID, ObjectID: r.ObjectID, StoreID: r.StoreID, SHA256: r.SHA256, RequestedAt: unix(r.RequestedAt), Hash: r.Hash()}
	if r.Complete() {
		at := unix(r.DeletedAt)
		out.DeletedAt = &at
	}
	out.Removed.Library.Versions, out.Removed.Library.Passages, out.Removed.Library.Answers = r.Versions, r.Passages, r.Answers
	out.Removed.Index.Chunks, out.Removed.Index.Vectors = r.Chunks, r.Vectors
	out.Removed.Files.Originals = r.Blobs
	return out
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// unix is t in seconds, 0 for the zero time.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
