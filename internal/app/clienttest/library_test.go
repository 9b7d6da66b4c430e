package clienttest_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"groundwork/api"
	"groundwork/rag"
)

// library is what lies below the API, in memory: files are ready as soon as
// they are attached, and an answer quotes the first document of its store.
type library struct {
	mu     sync.Mutex
	next   int
	files  map[string]rag.File
	bytes  map[string]string // by file id; also by sha256, which here is the id
	stores map[string]rag.Store
	docs   map[string][]string // file ids by store id
	broken string              // what goes wrong on purpose

	batches   map[string][]string // file ids by batch id
	cancelled map[string]bool
}

const (
	key      = "gw_right"
	handbook = "# Leave 🏕️\n\nEmployees have 28 days of leave a year. They may sell none.\n"
	sentence = "Employees have 28 days of leave a year."
)

// serve starts the real API over a library with one store, "handbook".
func serve(t *testing.T, broken string) string {
	t.Helper()
	l := &library{files: map[string]rag.File{}, bytes: map[string]string{}, stores: map[string]rag.Store{}, docs: map[string][]string{}, broken: broken,
		batches: map[string][]string{}, cancelled: map[string]bool{}}
	ctx := t.Context()
	store, err := l.CreateStore(ctx, "t", "handbook", nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.AddFile(ctx, "t", "leave.md", "assistants", strings.NewReader(handbook))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Attach(ctx, rag.Scope{Tenant: "t", Store: store.ID}, file.ID, rag.Labels{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.New(
		api.Deps{Asker: l, Models: l, Uploader: l, Documents: l, Contents: l, Stores: l, Batches: l, Receipts: l, Keys: l, Health: l},
		api.Options{MaxJSON: 1 << 20, MaxJSONDepth: 64, MaxQuery: 8 << 10, MaxTokens: 4096, MaxFile: 1 << 20, MaxFiles: 10,
			Streams: 8, StreamsPerKey: 8, StreamIdle: time.Minute, StreamTotal: time.Minute}))
	t.Cleanup(server.Close)
	return server.URL + "/v1"
}

func absent() error { return rag.Fail(rag.CodeNotFound, "There is no such thing. Look again.") }

func (l *library) id(prefix string) string {
	l.next++
	return fmt.Sprintf("%s%d", prefix, l.next)
}

func (l *library) Authenticate(_ context.Context, token string) (rag.Principal, error) {
	if token != key {
		return rag.Principal{}, rag.Fail(rag.CodeUnauthorized, "Unknown key. Use another.")
	}
	return rag.Principal{Tenant: "t", KeyID: "k", Verbs: []string{"admin"}}, nil
}

func (l *library) Ready(context.Context) []api.Check { return nil }

// document is the first of a store, as one passage.
func (l *library) passage(scope rag.Scope) (rag.Passage, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.docs[scope.Store] {
		text := l.bytes[id]
		return rag.Passage{ChunkID: "c-" + id, DocumentID: id, Filename: l.files[id].Filename, End: len([]rune(text)), Text: text}, true
	}
	return rag.Passage{}, false
}

func (l *library) Ask(_ context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
	passage, _ := l.passage(q.Scope)
	sources := []rag.Source{{Index: 1, Passage: passage, Score: 0.9}}
	text := "Hooray 🎉! You have 28 days."
	if err := emit(rag.Delta{Query: "leave", Sources: sources}); err != nil {
		return rag.Answer{}, err
	}
	for _, piece := range strings.SplitAfter(text, " ") {
		if err := emit(rag.Delta{Text: piece}); err != nil {
			return rag.Answer{}, err
		}
	}
	before, _, _ := strings.Cut(passage.Text, sentence)
	start := len([]rune(before))
	if l.broken == "offsets" {
		start = len(before) // bytes instead of code points
	}
	cited := rag.Citation{Source: 1, AnswerStart: 10, AnswerEnd: 27, DocumentID: passage.DocumentID, Start: start, End: start + len(sentence),
		Quote: sentence, Verdict: rag.Supported}
	usage := rag.Usage{PromptTokens: 90, CompletionTokens: 8, FinishReason: "stop"}
	return rag.Answer{ID: q.ID, Text: text, Query: "leave", Sources: sources, Citations: []rag.Citation{cited}, Usage: usage}, nil
}

func (l *library) Search(_ context.Context, scope rag.Scope, _ string, _ int) ([]rag.Ranked, error) {
	if passage, ok := l.passage(scope); ok {
		return []rag.Ranked{{Passage: passage, Score: 0.9, DenseRank: 1}}, nil
	}
	return nil, nil
}

func (l *library) Explain(context.Context, rag.Question) (rag.Explanation, error) {
	return rag.Explanation{Evidence: rag.Evidence{Strength: 0.9, Threshold: 0.65}}, nil
}

func (l *library) Chat() string      { return "qwen:1.5b" }
func (l *library) Embedding() string { return "bge" }

func (l *library) Adapters() []string { return nil }

// Forward is an embedding server, and a model that knows one word.
func (l *library) Forward(_ context.Context, _, server, _ string, body []byte) (*http.Response, error) {
	if server == "chat" {
		const one = `{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":" four","finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":4,"completion_tokens":1,"total_tokens":5}}`
		reply := one
		if bytes.Contains(body, []byte(`"stream":true`)) {
			reply = "data: " + one + "\n\ndata: [DONE]\n\n"
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(reply))}, nil
	}
	var request struct {
		Input  []string
		Format string `json:"encoding_format"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	data := []map[string]any{}
	for i, text := range request.Input {
		angle := float64(text[0])
		vector := []float32{float32(math.Cos(angle)), float32(math.Sin(angle))}
		var embedding any = vector
		if request.Format == "base64" {
			var packed bytes.Buffer
			if err := binary.Write(&packed, binary.LittleEndian, vector); err != nil {
				return nil, err
			}
			embedding = base64.StdEncoding.EncodeToString(packed.Bytes())
		}
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": embedding})
	}
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(rec).Encode(map[string]any{"object": "list", "model": "bge", "data": data, "usage": map[string]int{"prompt_tokens": 4, "total_tokens": 4}})
	return rec.Result(), err
}

func (l *library) Upload(context.Context, rag.Scope, rag.Upload) (rag.Document, error) {
	return rag.Document{}, absent() // the clients do not know /v1/documents
}

func (l *library) AddFile(_ context.Context, tenant, filename, purpose string, body io.Reader) (rag.File, error) {
	content, err := io.ReadAll(body)
	if err != nil {
		return rag.File{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.id("file-")
	l.files[id] = rag.File{ID: id, Tenant: tenant, Filename: filename, Purpose: purpose, SHA256: id, Bytes: int64(len(content)), CreatedAt: time.Now()}
	l.bytes[id] = string(content)
	return l.files[id], nil
}

func (l *library) Relabel(ctx context.Context, scope rag.Scope, id string, _ rag.Labels) (rag.Document, error) {
	return l.Document(ctx, scope, id)
}

func (l *library) Retry(ctx context.Context, scope rag.Scope, id string) (rag.Document, error) {
	return l.Document(ctx, scope, id)
}

func (l *library) Readable(context.Context, rag.Scope) (map[rag.State]int, int64, error) {
	return nil, 0, nil
}

func (l *library) Attach(ctx context.Context, scope rag.Scope, fileID string, _ rag.Labels) (rag.Document, error) {
	l.mu.Lock()
	if !slices.Contains(l.docs[scope.Store], fileID) {
		l.docs[scope.Store] = append(l.docs[scope.Store], fileID)
	}
	l.mu.Unlock()
	return l.Document(ctx, scope, fileID)
}

func (l *library) Wait(context.Context, rag.Scope, []string, time.Duration) ([]rag.Document, error) {
	return nil, nil
}

func (l *library) Remove(_ context.Context, scope rag.Scope, id string) (rag.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != "detach" {
		l.docs[scope.Store] = slices.DeleteFunc(l.docs[scope.Store], func(d string) bool { return d == id })
	}
	return rag.Receipt{ID: "del_1", ObjectID: id, RequestedAt: time.Unix(1, 0), DeletedAt: time.Unix(2, 0)}, nil
}

func (l *library) RemoveFile(_ context.Context, _, id string) (rag.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.files, id)
	return rag.Receipt{ID: "del_1", ObjectID: id, RequestedAt: time.Unix(1, 0), DeletedAt: time.Unix(2, 0)}, nil
}

func (l *library) Receipt(_ context.Context, _, id string) (rag.Receipt, error) {
	return rag.Receipt{ID: "del_1", ObjectID: id, RequestedAt: time.Unix(1, 0), DeletedAt: time.Unix(2, 0)}, nil
}

func (l *library) RemoveStore(_ context.Context, scope rag.Scope) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.stores, scope.Store)
	return nil
}

func (l *library) Documents(ctx context.Context, scope rag.Scope, page rag.Page) ([]rag.Document, bool, error) {
	l.mu.Lock()
	ids := slices.Clone(l.docs[scope.Store])
	l.mu.Unlock()
	docs := []rag.Document{}
	for _, id := range ids {
		doc, err := l.Document(ctx, scope, id)
		if err != nil {
			return nil, false, err
		}
		docs = append(docs, doc)
	}
	return onePage(docs, page), false, nil
}

// onePage gives everything on the first page and nothing after it.
func onePage[T any](all []T, page rag.Page) []T {
	if page.After != "" {
		return nil
	}
	return all
}

func (l *library) Document(_ context.Context, scope rag.Scope, id string) (rag.Document, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.docs[scope.Store], id) {
		return rag.Document{}, absent()
	}
	return rag.Document{ID: id, Tenant: "t", StoreID: scope.Store, Path: l.files[id].Filename, State: rag.StateReady, Version: 1, LiveVersion: 1, CreatedAt: time.Now()}, nil
}

func (l *library) Files(_ context.Context, _ string, page rag.Page) ([]rag.File, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return onePage(values(l.files, func(f rag.File) string { return f.ID }), page), false, nil
}

func (l *library) File(_ context.Context, _, id string) (rag.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.files[id]; ok {
		return f, nil
	}
	return rag.File{}, absent()
}

func (l *library) Text(_ context.Context, _ rag.Scope, id string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes[id], nil
}

func (l *library) DocumentPassages(context.Context, rag.Scope, string) (rag.Document, []rag.Passage, error) {
	return rag.Document{}, nil, absent()
}

func (l *library) Holders(context.Context, rag.Scope, string) ([]string, error) { return nil, nil }

type content struct{ *strings.Reader }

func (content) Close() error { return nil }

func (l *library) Open(_ context.Context, sha256 string) (io.ReadSeekCloser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return content{strings.NewReader(l.bytes[sha256])}, nil
}

func (l *library) CreateStore(_ context.Context, tenant, name string, _ map[string]string) (rag.Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.id("vs_")
	l.stores[id] = rag.Store{ID: id, Tenant: tenant, Name: name, CreatedAt: time.Now()}
	return l.stores[id], nil
}

func (l *library) Stores(_ context.Context, _ string, page rag.Page) ([]rag.Store, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return onePage(values(l.stores, func(s rag.Store) string { return s.ID }), page), false, nil
}

func (l *library) Store(_ context.Context, _, idOrName string) (rag.Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.stores {
		if s.ID == idOrName || s.Name == idOrName {
			s.Counts = map[rag.State]int{rag.StateReady: len(l.docs[s.ID])}
			return s, nil
		}
	}
	return rag.Store{}, absent()
}

func (l *library) UpdateStore(context.Context, string, string, *string, map[string]string) (rag.Store, error) {
	return rag.Store{}, absent()
}

func values[T any](m map[string]T, id func(T) string) []T {
	out := []T{}
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return out
}
