package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"groundwork/api"
	"groundwork/rag"
)

// library is Uploader, Documents, Contents and Stores in memory. Tenants are
// kept apart as the contracts demand.
type library struct {
	mu      sync.Mutex
	stores  []rag.Store
	docs    []rag.Document
	files   []rag.File
	bytes   map[string][]byte
	replies sync.Map                            // of Once, by caller and name
	batch   map[string][]string                 // files of each batch
	stop    map[string]bool                     // cancelled batches
	refuse  error                               // what Upload answers when set
	waited  func(ctx context.Context) rag.State // state after Wait; ready when nil

	carriesOut atomic.Int32 // requests that are in Once
}

func missing(what string) error { return rag.Fail(rag.CodeNotFound, "There is no such "+what+".") }

var clock = time.Unix(1700000000, 0)

func (l *library) CreateStore(_ context.Context, tenant, name string, metadata map[string]string) (rag.Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, st := range l.stores {
		if st.Tenant == tenant && st.Name == name {
			return st, rag.Fail(rag.CodeConflict, "A store of that name is there already. Choose another name.")
		}
	}
	st := rag.Store{ID: fmt.Sprintf("vs_%d", len(l.stores)+1), Tenant: tenant, Name: name, Metadata: metadata, CreatedAt: clock}
	if name == "" {
		st.Name = st.ID
	}
	l.stores = append(l.stores, st)
	return st, nil
}

func (l *library) Stores(_ context.Context, tenant string, page rag.Page) ([]rag.Store, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return paged(l.stores, page, func(st rag.Store) (string, bool) { return st.ID, st.Tenant == tenant })
}

func paged[T any](all []T, page rag.Page, of func(T) (string, bool)) ([]T, bool, error) {
	list := slices.Clone(all)
	if !page.Ascending {
		slices.Reverse(list)
	}
	var out []T
	skip := page.After != ""
	for _, item := range list {
		id, mine := of(item)
		switch {
		case skip:
			skip = id != page.After
		case mine && len(out) == page.Limit:
			return out, true, nil
		case mine:
			out = append(out, item)
		}
	}
	return out, false, nil
}

func (l *library) Store(_ context.Context, tenant, idOrName string) (rag.Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, st := range l.stores {
		if st.Tenant == tenant && (st.ID == idOrName || st.Name == idOrName) {
			st.Counts = map[rag.State]int{}
			for _, d := range l.docs {
				if d.StoreID == st.ID {
					st.Counts[d.State]++
				}
			}
			return st, nil
		}
	}
	return rag.Store{}, missing("store")
}

func (l *library) UpdateStore(ctx context.Context, tenant, id string, name *string, metadata map[string]string) (rag.Store, error) {
	l.mu.Lock()
	for i := range l.stores {
		if l.stores[i].Tenant == tenant && l.stores[i].ID == id {
			if name != nil {
				l.stores[i].Name = *name
			}
			if metadata != nil {
				l.stores[i].Metadata = metadata
			}
		}
	}
	l.mu.Unlock()
	return l.Store(ctx, tenant, id)
}

func (l *library) Upload(_ context.Context, scope rag.Scope, u rag.Upload) (rag.Document, error) {
	name := u.Path
	data, err := io.ReadAll(u.Body)
	if err != nil {
		return rag.Document{}, fmt.Errorf("store upload: %w", err)
	}
	if l.refuse != nil {
		return rag.Document{}, l.refuse
	}
	if clean := path.Clean(name); path.IsAbs(clean) || strings.HasPrefix(clean, "..") {
		return rag.Document{}, &rag.Error{Code: rag.CodeInvalid, Param: "path", Message: "The path leaves its store. Use a relative path without `..`."}
	}
	if len(data) == 0 {
		return rag.Document{}, rag.Fail(rag.CodeEmptyFile, "The file is empty. Upload one with content.")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, d := range l.docs {
		if d.StoreID == scope.Store && d.Path == name {
			return l.label(i, u.Labels), nil
		}
	}
	f := l.keep(scope.Tenant, name, "assistants", data)
	l.attach(scope, f, u.MediaType)
	return l.label(len(l.docs)-1, u.Labels), nil
}

func (l *library) label(i int, labels rag.Labels) rag.Document {
	if labels.Attributes != nil {
		l.docs[i].Attributes = labels.Attributes
	}
	if labels.Allow != nil {
		l.docs[i].Allow = labels.Allow
	}
	return l.docs[i]
}

func (l *library) Relabel(_ context.Context, scope rag.Scope, id string, labels rag.Labels) (rag.Document, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, d := range l.docs {
		if d.StoreID == scope.Store && d.ID == id && readable(scope, d) {
			return l.label(i, labels), nil
		}
	}
	return rag.Document{}, missing("document")
}

// readable is what the library decides in its queries.
func readable(scope rag.Scope, d rag.Document) bool {
	return scope.Only == nil || scope.Only.Match(func(string) (any, bool) { return nil, false }, d.Allow)
}

func (l *library) Readable(_ context.Context, scope rag.Scope) (map[rag.State]int, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts, size := map[rag.State]int{}, int64(0)
	for _, d := range l.docs {
		if d.Tenant == scope.Tenant && d.StoreID == scope.Store && readable(scope, d) {
			counts[d.State]++
			size += d.Bytes
		}
	}
	return counts, size, nil
}

func (l *library) keep(tenant, name, purpose string, data []byte) rag.File {
	sum := sha256.Sum256(data)
	f := rag.File{ID: fmt.Sprintf("file-%d", len(l.files)+1), Tenant: tenant, Filename: name, Purpose: purpose,
		SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(data)), CreatedAt: clock}
	l.bytes[f.SHA256] = data
	l.files = append(l.files, f)
	return f
}

func (l *library) attach(scope rag.Scope, f rag.File, mediaType string) rag.Document {
	d := rag.Document{ID: f.ID, Tenant: scope.Tenant, StoreID: scope.Store, Path: f.Filename, SHA256: f.SHA256, Bytes: f.Bytes,
		MediaType: mediaType, Version: 1, State: rag.StateQueued, CreatedAt: clock, UpdatedAt: clock}
	l.docs = append(l.docs, d)
	return d
}

func (l *library) AddFile(_ context.Context, tenant, filename, purpose string, body io.Reader) (rag.File, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return rag.File{}, fmt.Errorf("store file: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keep(tenant, filename, purpose, data), nil
}

func (l *library) Attach(ctx context.Context, scope rag.Scope, fileID string, labels rag.Labels) (rag.Document, error) {
	f, err := l.File(ctx, scope.Tenant, fileID)
	if err != nil {
		return rag.Document{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attach(scope, f, "text/plain")
	return l.label(len(l.docs)-1, labels), nil
}

func (l *library) Wait(ctx context.Context, scope rag.Scope, ids []string, _ time.Duration) ([]rag.Document, error) {
	state := rag.StateReady
	if l.waited != nil {
		state = l.waited(ctx)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []rag.Document
	for i := range l.docs {
		if d := &l.docs[i]; d.StoreID == scope.Store && slices.Contains(ids, d.ID) {
			d.State = state
			if state == rag.StateFailed {
				d.ErrorCode, d.Error = rag.CodeNoText, "The file has no text. Run text recognition on it."
			}
			out = append(out, *d)
		}
	}
	return out, nil
}

func (l *library) Retry(_ context.Context, scope rag.Scope, id string) (rag.Document, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.docs {
		d := &l.docs[i]
		switch {
		case d.ID != id || d.Tenant != scope.Tenant || d.StoreID != scope.Store || !readable(scope, *d):
		case d.State != rag.StateFailed:
			return rag.Document{}, rag.Fail(rag.CodeConflict, "Only a document that failed can be tried again.")
		default:
			d.State, d.ErrorCode, d.Error = rag.StateQueued, "", ""
			d.Version++
			return *d, nil
		}
	}
	return rag.Document{}, missing("document")
}

func (l *library) Remove(_ context.Context, scope rag.Scope, id string) (rag.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.docs)
	l.docs = slices.DeleteFunc(l.docs, func(d rag.Document) bool { return d.ID == id && d.StoreID == scope.Store })
	if len(l.docs) == n {
		return rag.Receipt{}, missing("document")
	}
	return rag.Receipt{ID: "del_1", ObjectID: id, Chunks: 3, Vectors: 3, Blobs: 1, SHA256: "ab", RequestedAt: clock, DeletedAt: clock}, nil
}

func (l *library) RemoveFile(_ context.Context, tenant, id string) (rag.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = slices.DeleteFunc(l.files, func(f rag.File) bool { return f.ID == id && f.Tenant == tenant })
	l.docs = slices.DeleteFunc(l.docs, func(d rag.Document) bool { return d.ID == id && d.Tenant == tenant })
	return rag.Receipt{ID: "del_2", ObjectID: id, Blobs: 1, RequestedAt: clock, DeletedAt: clock}, nil
}

func (l *library) Receipt(_ context.Context, tenant, id string) (rag.Receipt, error) {
	if tenant != "default" || id != "del_1" {
		return rag.Receipt{}, missing("receipt")
	}
	return rag.Receipt{ID: id, ObjectID: "file-1", RequestedAt: clock}, nil
}

func (l *library) RemoveStore(_ context.Context, scope rag.Scope) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stores = slices.DeleteFunc(l.stores, func(st rag.Store) bool { return st.ID == scope.Store })
	l.docs = slices.DeleteFunc(l.docs, func(d rag.Document) bool { return d.StoreID == scope.Store })
	return nil
}

func (l *library) Documents(_ context.Context, scope rag.Scope, page rag.Page) ([]rag.Document, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return paged(l.docs, page, func(d rag.Document) (string, bool) {
		return d.ID, d.Tenant == scope.Tenant && d.StoreID == scope.Store && (page.State == "" || d.State == page.State)
	})
}

func (l *library) Document(_ context.Context, scope rag.Scope, id string) (rag.Document, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.docs {
		if d.ID == id && d.Tenant == scope.Tenant && d.StoreID == scope.Store {
			return d, nil
		}
	}
	return rag.Document{}, missing("document")
}

func (l *library) Files(_ context.Context, tenant string, page rag.Page) ([]rag.File, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return paged(l.files, page, func(f rag.File) (string, bool) { return f.ID, f.Tenant == tenant })
}

func (l *library) File(_ context.Context, tenant, id string) (rag.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f.ID == id && f.Tenant == tenant {
			return f, nil
		}
	}
	return rag.File{}, missing("file")
}

func (l *library) Text(_ context.Context, scope rag.Scope, id string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.docs {
		if d.ID == id && d.Tenant == scope.Tenant && d.State == rag.StateReady && readable(scope, d) {
			return string(l.bytes[d.SHA256]), nil
		}
	}
	return "", missing("text")
}

func (l *library) DocumentPassages(ctx context.Context, scope rag.Scope, id string) (rag.Document, []rag.Passage, error) {
	doc, err := l.Document(ctx, scope, id)
	if err != nil || doc.State != rag.StateReady {
		return doc, nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	text := string(l.bytes[doc.SHA256])
	return doc, []rag.Passage{{ChunkID: "chunk-" + id, DocumentID: id, Filename: doc.Path, End: len([]rune(text)), Heading: []string{"Leave"}, Header: doc.Path + " › Leave", Text: text}}, nil
}

func (l *library) Holders(_ context.Context, scope rag.Scope, id string) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, d := range l.docs {
		if d.ID == id && d.Tenant == scope.Tenant && readable(scope, d) {
			out = append(out, d.StoreID)
		}
	}
	return out, nil
}

func (l *library) CreateBatch(ctx context.Context, scope rag.Scope, ids []string) (rag.Batch, error) {
	l.mu.Lock()
	id := fmt.Sprintf("vsfb_%d", len(l.batch)+1)
	if l.batch == nil {
		l.batch, l.stop = map[string][]string{}, map[string]bool{}
	}
	l.batch[id] = ids
	l.mu.Unlock()
	return l.Batch(ctx, scope, id)
}

func (l *library) Batch(_ context.Context, scope rag.Scope, id string) (rag.Batch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids, ok := l.batch[id]
	if !ok {
		return rag.Batch{}, missing("batch")
	}
	b := rag.Batch{ID: id, StoreID: scope.Store, CreatedAt: clock, Cancelled: l.stop[id], Counts: map[rag.State]int{}, Gone: len(ids)}
	for _, d := range l.docs {
		if d.StoreID == scope.Store && slices.Contains(ids, d.ID) {
			b.Counts[d.State]++
			b.Gone--
		}
	}
	return b, nil
}

func (l *library) BatchFiles(_ context.Context, scope rag.Scope, id string, page rag.Page) ([]rag.Document, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids, ok := l.batch[id]
	if !ok {
		return nil, false, missing("batch")
	}
	return paged(l.docs, page, func(d rag.Document) (string, bool) {
		return d.ID, d.StoreID == scope.Store && slices.Contains(ids, d.ID)
	})
}

func (l *library) CancelBatch(_ context.Context, scope rag.Scope, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids, ok := l.batch[id]
	if !ok {
		return missing("batch")
	}
	l.stop[id] = true
	l.docs = slices.DeleteFunc(l.docs, func(d rag.Document) bool {
		return d.StoreID == scope.Store && slices.Contains(ids, d.ID) && !d.State.Done()
	})
	return nil
}

type seekCloser struct{ *bytes.Reader }

func (seekCloser) Close() error { return nil }

func (l *library) Open(_ context.Context, sum string) (io.ReadSeekCloser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	data, ok := l.bytes[sum]
	if !ok {
		return nil, errors.New("blob is gone from /secret/place")
	}
	return seekCloser{bytes.NewReader(data)}, nil
}

// keyring knows keys; with open set it lets everybody in as admin.
type keyring struct {
	open bool
	keys map[string]rag.Principal
}

func (k keyring) Authenticate(_ context.Context, token string) (rag.Principal, error) {
	if p, ok := k.keys[token]; ok {
		return p, nil
	}
	if token == "" && k.open {
		return rag.Principal{Tenant: rag.DefaultTenant, Verbs: []string{"admin"}}, nil
	}
	return rag.Principal{}, rag.Fail(rag.CodeUnauthorized, "no")
}

// asker is scripted; the zero value answers well.
type asker struct {
	ask    func(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error)
	search func(query string) ([]rag.Ranked, error)

	mu    sync.Mutex
	asked []rag.Question
}

var passage = rag.Passage{ChunkID: "c1", DocumentID: "file-1", Filename: "leave.md", Start: 10, End: 50, Page: 2,
	Heading: []string{"Leave"}, Text: "Employees have 28 days of leave."}

func (a *asker) Ask(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
	a.mu.Lock()
	a.asked = append(a.asked, q)
	script := a.ask
	a.mu.Unlock()
	if script == nil {
		script = answerWell
	}
	return script(ctx, q, emit)
}

func answerWell(_ context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
	early := []rag.Timing{{Stage: "embed", Ms: 4.14}, {Stage: "search", Ms: 1}}
	sources := []rag.Source{{Index: 1, Passage: passage, Score: 0.8}}
	for _, d := range []rag.Delta{{Query: "days of leave", Sources: sources, Timings: early}, {Text: "You have "}, {Text: "28 days."}} {
		if err := emit(d); err != nil {
			return rag.Answer{}, err
		}
	}
	return rag.Answer{ID: q.ID, Text: "You have 28 days.", Query: "days of leave", Sources: sources,
		Citations: []rag.Citation{{Source: 1, AnswerStart: 0, AnswerEnd: 17, DocumentID: "file-1", Start: 10, End: 42, Quote: passage.Text, Verdict: rag.Supported}},
		Timings:   append(early, rag.Timing{Stage: "generate", Ms: 9}), Usage: rag.Usage{PromptTokens: 50, CompletionTokens: 6, FinishReason: "stop"},
		Fingerprint: rag.Fingerprint{Model: "llama3.1:8b"}}, nil
}

func (a *asker) Search(_ context.Context, _ rag.Scope, query string, _ int) ([]rag.Ranked, error) {
	if a.search != nil {
		return a.search(query)
	}
	other := passage
	other.ChunkID = "c2"
	return []rag.Ranked{{Passage: passage, Score: 0.9, DenseRank: 1, Dense: 0.7, TextRank: 2, Text: 3.5},
		{Passage: other, Score: 0.2, TextRank: 9, Dropped: "weak"}}, nil
}

func (a *asker) Replay(_ context.Context, tenant, id string) (rag.Replayed, error) {
	if id != "ans_1" || tenant != rag.DefaultTenant {
		return rag.Replayed{}, rag.Fail(rag.CodeNotFound, "The answer is not kept.")
	}
	return rag.Replayed{Then: rag.Answer{ID: id, Text: "28 days"}, Now: rag.Answer{ID: id, Text: "29 days"}, Differences: []rag.Difference{{What: "text", Then: "28 days", Now: "29 days"}}}, nil
}

func (a *asker) Explain(_ context.Context, q rag.Question) (rag.Explanation, error) {
	e := rag.Explanation{
		Evidence: rag.Evidence{Strength: 0.71, Threshold: 0.65, Embedding: "bge"},
		Context:  rag.ContextUse{Limit: 8192, Budget: 600, Dropped: []rag.Dropped{{ChunkID: "c2", Reason: "budget"}}},
		Prompt:   []rag.Message{{Role: "user", Content: "Question: " + q.Messages[0].Content}}, Given: []rag.Source{{Index: 1, Passage: passage, Score: 0.9}},
		Timings: []rag.Timing{{Stage: "embed", Ms: 4.1}}, Fingerprint: rag.Fingerprint{Model: "llama3.1:8b", Embedding: "bge"},
	}
	if q.Calibration != nil {
		e.Evidence.Threshold = q.Calibration.Balanced
	}
	if e.Abstains = e.Evidence.Strength < e.Evidence.Threshold; e.Abstains {
		e.Prompt, e.Given = nil, nil
	}
	return e, nil
}

// models forwards to a function.
type models struct {
	forward func(ctx context.Context, caller, server, path string, body []byte) (*http.Response, error)
}

func (models) Chat() string      { return "llama3.1:8b" }
func (models) Embedding() string { return "bge-small" }

func (models) Adapters() []string { return []string{"acme"} }

func (m models) Forward(ctx context.Context, caller, server, path string, body []byte) (*http.Response, error) {
	return m.forward(ctx, caller, server, path, body)
}

// upstream is a reply of a model server.
func upstream(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

type health []api.Check

func (h health) Ready(context.Context) []api.Check { return h }

// Once keeps every reply for ever.
func (l *library) Once(ctx context.Context, r rag.Repeat, do func(context.Context) (rag.Reply, error)) (rag.Reply, bool, error) {
	type kept struct {
		fingerprint string
		reply       rag.Reply
	}
	name := r.Caller + "/" + r.Name
	if before, ok := l.replies.Load(name); ok {
		if before.(kept).fingerprint != r.Fingerprint {
			return rag.Reply{}, true, rag.Fail(rag.CodeReused, "Another request had this key.")
		}
		return before.(kept).reply, true, nil
	}
	l.carriesOut.Add(1)
	reply, err := do(ctx)
	l.carriesOut.Add(-1)
	if err == nil {
		l.replies.Store(name, kept{r.Fingerprint, reply})
	}
	return reply, false, err
}
