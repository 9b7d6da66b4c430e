package openai_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api/openai"
)

var update = flag.Bool("update", false, "write the golden files")

func head() openai.Head {
	return openai.Head{ID: "ans_1", Model: "llama3.1:8b@handbook", Created: 1700000000}
}

func sources() []openai.Source {
	return []openai.Source{{Index: 1, DocumentID: "file-1", Filename: "leave.md", ChunkID: "c1", Start: 120, End: 480,
		Page: openai.Page(3), Heading: []string{"Leave", "Carry-over"}, Text: "Up to five days carry over. <b>&", Score: 0.83}}
}

func answered() openai.Answer {
	return openai.Answer{
		Text: "Five days 🏖 carry over. They may be sold.", FinishReason: "length", Usage: openai.NewUsage(512, 100, 20),
		Base: "https://kb.example.com/",
		Groundwork: openai.Groundwork{
			AnswerID: "ans_1", Query: "carry over leave", Evidence: openai.Evidence{Strength: 0.71, Threshold: 0.65, Embedding: "bge/1"}, Sources: sources(),
			Citations: []openai.Citation{
				{Source: 1, AnswerStart: 0, AnswerEnd: 23, DocumentID: "file-1", Start: 120, End: 147, Page: openai.Page(3),
					Heading: []string{"Leave"}, Quote: "Up to five days carry over.", Verdict: "supported"},
				{Source: 1, AnswerStart: 24, AnswerEnd: 41, DocumentID: "file-1", Start: 148, End: 152, Quote: "<b>&", Heading: []string{}, Verdict: "unsupported"},
			},
			Unsupported: [][2]int{{24, 41}},
			Context:     openai.ContextUse{Limit: 8192, Budget: 600, PromptTokens: 512, Dropped: []openai.Dropped{{ChunkID: "c2", Reason: "budget"}}},
			TimingsMs:   map[string]float64{"search": 1.2, "embed": 4.1},
			Fingerprint: openai.Fingerprint{Model: "llama3.1:8b", Quantisation: openai.OrNull("Q4_K_M"), Embedding: "bge", IndexGeneration: 7, Prompt: "p1", Code: "v1"},
		},
	}
}

func abstained() openai.Answer {
	return openai.Answer{Text: "The documents do not say.", Groundwork: openai.Groundwork{
		AnswerID: "ans_1", Abstained: true, Query: "pet insurance", Nearest: sources()}}
}

func document(state, code string) openai.Document {
	return openai.Document{ID: "file-1", Store: "vs_1", Filename: "hr/leave.md", Status: state, Error: openai.NewFileError(code, "Do this."),
		Bytes: 2048, MediaType: "text/markdown", SHA256: "ab", Version: 2, LiveVersion: openai.Page(1), Chunks: 9, ChunksDone: 4, CreatedAt: 10, UpdatedAt: 11}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	ranked := []openai.Ranked{
		{Rank: openai.Page(1), DocumentID: "file-1", Filename: "leave.md", ChunkID: "c1", Start: 1, End: 9, Heading: []string{}, Text: "five days",
			Score: 0.9, DenseRank: openai.Page(1), Dense: 0.7},
		{DocumentID: "file-1", Filename: "leave.md", ChunkID: "c2", Heading: []string{}, Text: "weak", Score: 0.1, TextRank: openai.Page(4), TextScore: 2.5, Dropped: openai.OrNull("weak")},
	}
	id := func(d openai.Document) string { return d.ID }
	deletedAt := int64(12)
	for name, v := range map[string]any{
		"completion":           openai.FromAnswer(head(), answered()),
		"completion_abstained": openai.FromAnswer(head(), abstained()),
		"response":             openai.NewResponse(responseHead(t, true), answered(), 1700000009),
		"response_abstained":   openai.NewResponse(responseHead(t, false), abstained(), 1700000009),
		"error":                openai.NewError("There is no model \"x\".", "invalid_request_error", "model", "model_not_found"),
		"error_bare":           openai.NewError("Not here.", "invalid_request_error", "", ""),
		"file":                 openai.NewFile(openai.File{ID: "file-1", Bytes: 3, CreatedAt: 10, Filename: "a.md", Purpose: "assistants"}),
		"list_empty":           openai.NewList(nil, false, id),
		"list_documents":       openai.NewList([]openai.Document{openai.NewDocument(document("ready", "")), openai.NewDocument(document("failed", "no_text"))}, true, id),
		"store":                openai.NewVectorStore(openai.VectorStore{ID: "vs_1", Name: "handbook", UsageBytes: 5, FileCounts: openai.FileCounts{Completed: 2, Failed: 1}}),
		"store_busy":           openai.NewVectorStore(openai.VectorStore{ID: "vs_1", Name: "handbook", Metadata: map[string]string{"a": "b"}, FileCounts: openai.FileCounts{InProgress: 2}}),
		"store_file":           openai.FromDocument(document("embedding", "")),
		"store_file_failed":    openai.FromDocument(document("failed", "no_text")),
		"batch":                openai.NewBatch(openai.Batch{ID: "vsfb_1", CreatedAt: 10, VectorStoreID: "vs_1", FileCounts: openai.FileCounts{InProgress: 2, Completed: 1, Failed: 1, Cancelled: 1}}, false),
		"batch_cancelled":      openai.NewBatch(openai.Batch{ID: "vsfb_1", VectorStoreID: "vs_1", FileCounts: openai.FileCounts{Cancelled: 2}}, true),
		"batch_failed":         openai.NewBatch(openai.Batch{ID: "vsfb_1", VectorStoreID: "vs_1", FileCounts: openai.FileCounts{Failed: 2}}, false),
		"batch_completed":      openai.NewBatch(openai.Batch{ID: "vsfb_1", VectorStoreID: "vs_1", FileCounts: openai.FileCounts{Failed: 1, Completed: 1}}, false),
		"search_page":          openai.NewSearchPage([]string{"carry over"}, ranked[:1]),
		"search_results":       openai.NewSearchResults("carry over", "vs_1", ranked),
		"models": openai.NewModelList([]openai.Model{openai.NewModel("llama3.1:8b", "chat", "", 10),
			openai.NewModel("llama3.1:8b@handbook", "answers", "vs_1", 11), openai.NewModel("bge", "embedding", "", 10)}),
		"uploads": openai.NewUploads("vs_1", []openai.Upload{{ID: openai.OrNull("file-1"), Filename: "a.md", Status: "queued"},
			{Filename: "../x", Status: "failed", Error: openai.NewFileError("invalid_request", "Rename it.")}}),
		"deleted": openai.Deleted{ID: "file-1", Object: "file", Deleted: true, Groundwork: &openai.Deletion{
			Receipt: openai.Receipt{ID: "del_1", ObjectID: "file-1", StoreID: "vs_1", SHA256: "ab", RequestedAt: 11, DeletedAt: &deletedAt, Hash: "cd"}}},
	} {
		data, err := openai.Marshal(v)
		require.NoError(t, err, name)
		var pretty bytes.Buffer
		require.NoError(t, json.Indent(&pretty, data, "", "  "), name)
		golden(t, name+".golden", append(pretty.Bytes(), '\n'))
	}
}

func TestGoldenStream(t *testing.T) {
	t.Parallel()
	out := events(t, openai.FirstChunk(head(), sources()), openai.TextChunk(head(), "Five days 🏖 carry over."), openai.TextChunk(head(), " They may be sold."),
		openai.LastChunk(head(), answered()), openai.UsageChunk(head(), answered().Usage))
	golden(t, "stream.golden", append(out, openai.Done...))
	out = events(t, openai.FirstChunk(head(), nil), openai.TextChunk(head(), abstained().Text), openai.LastChunk(head(), abstained()))
	golden(t, "stream_abstained.golden", append(out, openai.Done...))
}

func TestGoldenResponseStream(t *testing.T) {
	t.Parallel()
	begin := func(a openai.Answer, found []openai.Source) (*openai.ResponseStream, []any) {
		s := openai.NewResponseStream(responseHead(t, true))
		return s, append(s.Begin(openai.Found{Query: a.Groundwork.Query, Sources: found}), s.Text("Five days 🏖 carry over.")...)
	}
	a := answered()
	a.FinishReason = "stop"
	s, sent := begin(a, sources())
	golden(t, "response_stream.golden", events(t, append(append(sent, s.Text(" They may be sold.")...), s.End(a, 1700000009)...)...))
	s, sent = begin(answered(), sources())
	golden(t, "response_stream_incomplete.golden", events(t, append(sent, s.End(answered(), 1700000009)...)...))
	s, sent = begin(a, nil)
	golden(t, "response_stream_failed.golden", events(t, append(sent, s.Fail(openai.NewError("Ask again.", "server_error", "", "unavailable").Error)...)...))
}

// responseHead is that of a request with everything that a response repeats, or with nothing of it.
func responseHead(t *testing.T, full bool) openai.ResponseHead {
	t.Helper()
	body := `{"input":"Carry over?"}`
	if full {
		body = `{"input":"Carry over?","instructions":"Be brief.","max_output_tokens":9,"metadata":{"a":"b"},"include":["file_search_call.results"],
			"temperature":0,"top_p":0.5,"tool_choice":{"type":"file_search"},"tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]}`
	}
	r, bad := openai.ToResponse(fields(t, body), limits)
	require.Nil(t, bad)
	h := head()
	h.ID = "resp_1"
	return openai.ResponseHead{Head: h, SearchID: "fs_1", MessageID: "msg_1", Results: r.Results, Repeat: r.Repeat}
}

func events(t *testing.T, list ...any) []byte {
	t.Helper()
	var out []byte
	for _, v := range list {
		event, err := openai.Event(v)
		require.NoError(t, err)
		out = append(out, event...)
	}
	return out
}

// golden compares with testdata/name; -update writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./api/openai -update writes it")
	require.Equal(t, string(want), string(got), name)
}
