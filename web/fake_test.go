package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"groundwork/web"
)

// leave has a byte-order mark, code points outside the basic plane, CRLF and
// HTML that must stay text; the quotes lie behind all of it.
const (
	hostile = `<script>document.title="owned"</script><img src=x onerror="document.title='owned'">`
	leave   = "\ufeff# Leave 🦊🏕️\r\n\r\n" + hostile + "\r\n\r\nEmployees have 28 days of leave a year. " +
		"Up to five days 🏖️ carry over until 31 March.\n\n| days | until |\n|---|---|\n| 5 | 31 March |\n"
	quoteDays  = "Employees have 28 days of leave a year."
	quoteCarry = "Up to five days 🏖️ carry over until 31 March."
)

// long is a document of which the page shows only a part at first.
var long = strings.Repeat("All 🦊 of this comes before.\n", 4000) + leave + strings.Repeat("All of this comes after.\n", 4000)

// span is where part lies in whole, in code points.
func span(whole, part string) (start, end int) {
	before, _, found := strings.Cut(whole, part)
	if !found {
		panic("no " + part)
	}
	start = len([]rune(before))
	return start, start + len([]rune(part))
}

type object = map[string]any

// fake is the server's HTTP API in its documented shapes, scripted: the
// question decides what happens.
type fake struct {
	*httptest.Server
	key string // asked for when not empty

	mu        sync.Mutex
	documents map[string]object // by id
	polls     map[string]int
	asked     []object      // bodies of chat requests
	names     []string      // of the stores; vs_1, vs_2 …
	hungUp    chan struct{} // one token for each answer whose client went away
	busy      int           // uploads still to be refused with 503
	annex     bool          // the mail people/leave.md has something attached
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{documents: map[string]object{}, polls: map[string]int{}, hungUp: make(chan struct{}, 8), names: []string{"handbook", "empty"}}
	f.documents["file-leave"] = object{"id": "file-leave", "filename": "people/leave.md", "status": "ready", "error": nil}
	f.documents["file-long"] = object{"id": "file-long", "filename": "long.txt", "status": "ready", "error": nil}
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())
	mux.HandleFunc("GET /v1/vector_stores", f.stores)
	mux.HandleFunc("GET /v1/vector_stores/{id}", f.store)
	mux.HandleFunc("GET /v1/documents", f.failed)
	mux.HandleFunc("POST /v1/documents/{id}/retry", f.retry)
	mux.HandleFunc("GET /v1/models", f.models)
	mux.HandleFunc("POST /v1/chat/completions", f.chat)
	mux.HandleFunc("POST /v1/search", f.search)
	mux.HandleFunc("GET /v1/files/{id}", f.file)
	mux.HandleFunc("GET /v1/files/{id}/text", f.text)
	mux.HandleFunc("GET /v1/vector_stores/{id}/files", f.list)
	mux.HandleFunc("POST /v1/documents", f.upload)
	mux.HandleFunc("GET /v1/comparisons", f.comparisons)
	mux.HandleFunc("GET /v1/comparisons/c1", f.comparison)
	mux.HandleFunc("GET /v1/comparisons/c1/html", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html>")) })
	mux.HandleFunc("GET /v1/documents/{id}", f.document)
	f.desk(mux)
	f.Server = httptest.NewServer(f.guard(mux))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.key != "" && strings.HasPrefix(r.URL.Path, "/v1/") && r.Header.Get("Authorization") != "Bearer "+f.key {
			refuse(w, http.StatusUnauthorized, "invalid_api_key", "This key is not known. Use a key made with `groundwork keys create`.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	write(w, object{"error": object{"message": message, "type": "invalid_request_error", "param": nil, "code": code}})
}

func write(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (f *fake) stores(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data := []object{}
	for i, name := range f.names {
		data = append(data, object{"id": fmt.Sprint("vs_", i+1), "object": "vector_store", "name": name, "status": "completed"})
	}
	write(w, object{"object": "list", "has_more": false, "data": data})
}

// store counts the documents that were uploaded, and one that was there.
func (f *fake) store(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[string]int{}
	for id, doc := range f.documents {
		switch status := doc["status"]; {
		case id == "file-long":
		case status == "ready" || status == "failed":
			counts[status.(string)]++
		default:
			counts["on their way"]++
		}
	}
	write(w, object{"file_counts": object{"in_progress": counts["on their way"], "completed": counts["ready"], "failed": counts["failed"],
		"cancelled": 0, "total": counts["on their way"] + counts["ready"] + counts["failed"]}})
}

func (f *fake) failed(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data := []object{}
	for _, doc := range f.documents {
		if doc["status"] == "failed" && r.URL.Query().Get("status") == "failed" {
			data = append(data, doc)
		}
	}
	write(w, object{"object": "list", "data": data, "has_more": false})
}

// retry makes a failed document one that two polls make ready.
func (f *fake) retry(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := r.PathValue("id")
	doc := f.documents[id]
	if doc["status"] != "failed" || r.URL.Query().Get("store") != "vs_1" {
		refuse(w, http.StatusConflict, "conflict", "Only a document that failed can be tried again.")
		return
	}
	f.polls[id] = 0
	doc["status"], doc["error"], doc["mended"] = "queued", nil, true
	w.WriteHeader(http.StatusAccepted)
	write(w, doc)
}

func (f *fake) models(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	model := func(id, kind string, store any) object {
		return object{"id": id, "object": "model", "owned_by": "groundwork", "created": 0, "groundwork": object{"kind": kind, "store": store}}
	}
	data := []object{model("qwen:1.5b", "chat", nil), model("bge-small", "embedding", nil)}
	for i, name := range f.names {
		data = append(data, model("qwen:1.5b@"+name, "answers", fmt.Sprint("vs_", i+1)))
	}
	write(w, object{"object": "list", "data": data})
}

// search explains what was found; the prompt holds hostile text.
func (f *fake) search(w http.ResponseWriter, _ *http.Request) {
	found := func(rank any, chunk string, dropped any) object {
		return object{"rank": rank, "chunk_id": chunk, "document_id": "file-leave", "filename": "people/leave.md", "heading": []string{"Leave"}, "page": nil,
			"score": 0.9, "dense_rank": 1, "dense_score": 0.71, "text_rank": nil, "text_score": 0, "dropped": dropped}
	}
	write(w, object{
		"object": "search.results", "query": "days of leave", "store": "vs_1", "data": []object{found(1, "c1", nil), found(nil, "c9", "duplicate")},
		"evidence": object{"strength": 0.71, "threshold": 0.65, "embedding": "bge"},
		"explanation": object{
			"abstains": false, "given": []string{"c1"}, "context": object{"limit": 8192, "budget": 600, "prompt_tokens": 0, "dropped": []object{}},
			"prompt": []object{{"role": "user", "content": hostile}}, "timings_ms": object{"embed": 4.1},
			"fingerprint": object{"model": "qwen:1.5b", "adapter": nil, "quantisation": "Q4_K_M", "embedding": "bge", "index_generation": 7, "prompt": "answer-2", "code": "v1"},
		},
	})
}

func (f *fake) file(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	doc, ok := f.documents[r.PathValue("id")]
	if !ok {
		refuse(w, http.StatusNotFound, "not_found", "There is no such file. List the files with GET /v1/files.")
		return
	}
	write(w, object{"id": doc["id"], "object": "file", "filename": doc["filename"]})
}

// text serves leave, for "file-long" in the middle of a long document.
func (f *fake) text(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r.PathValue("id") == "file-long" {
		fmt.Fprint(w, long)
		return
	}
	fmt.Fprint(w, leave)
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data := []object{}
	row := func(id string) {
		data = append(data, object{"id": id, "object": "vector_store.file", "status": "completed", "groundwork": f.documents[id]})
	}
	switch r.PathValue("id") {
	case "vs_1":
		row("file-leave")
		if f.annex {
			f.documents["file-annex"] = object{"id": "file-annex", "filename": "annex.csv", "status": "ready", "error": nil, "attached_to": "file-leave"}
			row("file-annex")
		}
	case "vs_3":
		row("file-2")
	}
	write(w, object{"object": "list", "data": data, "has_more": false})
}

// upload takes one file; its document needs two polls to be ready. A name
// with "broken" fails instead.
func (f *fake) upload(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy > 0 {
		f.busy--
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "overloaded", "The queue is full. Try again in a second.")
		return
	}
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	head := r.MultipartForm.File["file"][0]
	store := r.FormValue("store")
	if store == "" {
		refuse(w, http.StatusBadRequest, "invalid_request", "The field store is missing. Name a store.")
		return
	}
	if !strings.HasPrefix(store, "vs_") && !slices.Contains(f.names, store) {
		f.names = append(f.names, store)
	}
	id := fmt.Sprintf("file-%d", len(f.documents))
	f.documents[id] = object{"id": id, "filename": head.Filename, "status": "queued", "error": nil}
	w.WriteHeader(http.StatusAccepted)
	write(w, object{"data": []object{f.documents[id]}})
}

func (f *fake) document(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := r.PathValue("id")
	f.polls[id]++
	doc := f.documents[id]
	switch {
	case f.polls[id] == 1:
		doc["status"], doc["chunks"], doc["chunks_done"] = "embedding", 8, 3
	case strings.Contains(fmt.Sprint(doc["filename"]), "broken") && doc["mended"] == nil:
		doc["status"] = "failed"
		doc["error"] = object{"code": "no_text", "message": "The file has no text layer. Run text recognition on it and upload it again."}
	default:
		doc["status"] = "ready"
	}
	write(w, doc)
}

// stream writes server-sent events.
type stream struct {
	http.ResponseWriter
}

func (s stream) send(v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(s, "data: %s\n\n", body)
	s.ResponseWriter.(http.Flusher).Flush()
}

func (s stream) chunk(content string, finish any, groundwork object) {
	delta := object{}
	if content != "" {
		delta["content"] = content
	}
	chunk := object{"id": "ans_1", "object": "chat.completion.chunk", "model": "qwen:1.5b@handbook",
		"choices": []object{{"index": 0, "delta": delta, "finish_reason": finish}}}
	if groundwork != nil {
		chunk["groundwork"] = groundwork
	}
	s.send(chunk)
}

func source(index int, quote string) object {
	start, end := span(leave, quote)
	return object{"index": index, "document_id": "file-leave", "filename": "people/leave.md", "chunk_id": fmt.Sprint("c", index),
		"start": start, "end": end, "page": 3, "heading": []string{"Leave", "Carry-over"}, "text": quote, "score": 0.83}
}

// citation ties the sentence of answer to quote of the document.
func citation(index int, answer, sentence, quote, verdict string) object {
	c := source(index, quote)
	c["source"], c["quote"], c["verdict"] = index, quote, verdict
	c["answer_start"], c["answer_end"] = span(answer, sentence)
	return c
}

func (f *fake) chat(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Model    string
		Stream   bool
		Messages []struct{ Role, Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !body.Stream || !strings.HasSuffix(body.Model, "@handbook") {
		refuse(w, http.StatusBadRequest, "invalid_request", fmt.Sprintf("unexpected body %+v: %v", body, err))
		return
	}
	question := body.Messages[len(body.Messages)-1].Content
	f.mu.Lock()
	f.asked = append(f.asked, object{"model": body.Model, "messages": len(body.Messages), "question": question})
	f.mu.Unlock()
	if question == "refuse" {
		refuse(w, http.StatusServiceUnavailable, "unavailable", "The model server is not ready. Wait a minute and ask again.")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	s := stream{w}
	f.script(question, s, r)
}

// script plays the answer that a question stands for.
func (f *fake) script(question string, s stream, r *http.Request) {
	sources := object{"answer_id": "ans_1", "sources": []object{source(1, quoteDays), source(2, quoteCarry)}}
	if question == "abstain" {
		s.chunk("", nil, object{"answer_id": "ans_1", "sources": []object{}})
		s.chunk("The documents do not say.", nil, nil)
		s.chunk("", "stop", object{"answer_id": "ans_1", "abstained": true, "sources": []object{}, "citations": []object{},
			"query": "pet insurance", "nearest": []object{source(1, quoteCarry)}})
		fmt.Fprint(s, "data: [DONE]\n\n")
		return
	}
	s.chunk("", nil, sources)
	switch question {
	case "wait":
		s.chunk("You have", nil, nil)
		<-r.Context().Done()
		f.hungUp <- struct{}{}
	case "error":
		s.chunk("You have 28", nil, nil)
		s.send(object{"error": object{"message": "The model server stopped. Ask again.", "type": "server_error", "code": "unavailable"}})
	case "cut":
		s.chunk("You have 28", nil, nil)
	default:
		s.answer(question == "hostile")
	}
}

// answer streams three sentences in a list and a paragraph: one with the
// model's own mark, one without, one that nothing supports.
func (s stream) answer(bad bool) {
	first, second, third := "You have **28 days** 🎉 a year", "Five days carry over until `31 March`.", "Leave is paid in gold."
	text := "- " + first + " [1].\n- " + second + "\n\n" + third + "\n"
	if bad {
		text = hostile + "\n\n" + text
	}
	for _, word := range strings.SplitAfter(text, " ") {
		s.chunk(word, nil, nil)
	}
	start, end := span(text, third)
	s.chunk("", "stop", object{"answer_id": "ans_1", "abstained": false, "query": "days of leave",
		"sources": []object{source(1, quoteDays), source(2, quoteCarry)},
		"citations": []object{
			citation(1, text, first+" [1].", quoteDays, "supported"),
			citation(2, text, second, quoteCarry, "partly"),
		},
		"unsupported": []object{{"answer_start": start, "answer_end": end}},
		"fingerprint": object{"model": "qwen:1.5b", "adapter": nil, "quantisation": "Q4_K_M"}})
	fmt.Fprint(s, "data: [DONE]\n\n")
}
