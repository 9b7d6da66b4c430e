package ingest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"

	"groundwork/ingest"
	"groundwork/rag"
)

// journal is an index that keeps every change in a file, one line each, so
// that it can be looked at after its process was killed. A line that was cut
// off never happened.
type journal struct {
	mu     sync.Mutex
	file   *os.File
	docs   map[string]*indexed // by store and document
	refuse func(op string) error
	// gate is passed before each change, with nothing locked: a worker that waits in it stands still.
	gate func(c change)
}

type indexed struct {
	Live        int
	Versions    map[int]map[string]ingest.Entry // by chunk id
	Description ingest.Description
}

type change struct {
	Op       string
	Store    string
	Document string
	Version  int
	Entries  []ingest.Entry
	Said     *ingest.Description
}

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file, docs: map[string]*indexed{}, refuse: func(string) error { return nil }, gate: func(change) {}}
	in, whole := bufio.NewReader(file), int64(0)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		var c change
		if err != nil || json.Unmarshal(line, &c) != nil {
			return nil, fmt.Errorf("broken journal at byte %d", whole)
		}
		j.apply(c)
		whole += int64(len(line))
	}
	if err := file.Truncate(whole); err != nil {
		return nil, err
	}
	_, err = file.Seek(whole, io.SeekStart)
	return j, err
}

func (j *journal) do(c change) error {
	j.gate(c)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.refuse(c.Op); err != nil {
		return err
	}
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	j.apply(c)
	return nil
}

func (j *journal) apply(c change) {
	key := c.Store + "/" + c.Document
	d := j.docs[key]
	if d == nil && c.Op == "upsert" {
		d = &indexed{Versions: map[int]map[string]ingest.Entry{}}
		j.docs[key] = d
	}
	switch {
	case c.Op == "store":
		for k := range j.docs {
			if strings.HasPrefix(k, c.Store+"/") {
				delete(j.docs, k)
			}
		}
	case d == nil:
	case c.Op == "upsert":
		if d.Versions[c.Version] == nil {
			d.Versions[c.Version] = map[string]ingest.Entry{}
		}
		for _, e := range c.Entries {
			d.Versions[c.Version][e.ChunkID] = e
		}
	case c.Op == "describe":
		d.Description = *c.Said
	case c.Op == "publish" && c.Version >= d.Live:
		d.Live = c.Version
		for v := range d.Versions {
			if v != c.Version {
				delete(d.Versions, v)
			}
		}
	case c.Op == "publish", c.Op == "discard" && c.Version != d.Live:
		delete(d.Versions, c.Version)
	case c.Op == "remove":
		delete(j.docs, key)
	}
}

func (j *journal) Upsert(_ context.Context, scope rag.Scope, entries []ingest.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return j.do(change{Op: "upsert", Store: scope.Store, Document: entries[0].DocumentID, Version: entries[0].Version, Entries: entries})
}

func (j *journal) Describe(_ context.Context, scope rag.Scope, d ingest.Description) error {
	return j.do(change{Op: "describe", Store: scope.Store, Document: d.DocumentID, Said: &d})
}

func (j *journal) Publish(_ context.Context, scope rag.Scope, id string, version int) error {
	return j.do(change{Op: "publish", Store: scope.Store, Document: id, Version: version})
}

func (j *journal) Discard(_ context.Context, scope rag.Scope, id string, version int) error {
	return j.do(change{Op: "discard", Store: scope.Store, Document: id, Version: version})
}

func (j *journal) Remove(_ context.Context, scope rag.Scope, id string) (chunks, vectors int, err error) {
	j.mu.Lock()
	if d := j.docs[scope.Store+"/"+id]; d != nil {
		for _, entries := range d.Versions {
			chunks += len(entries)
		}
	}
	j.mu.Unlock()
	return chunks, chunks, j.do(change{Op: "remove", Store: scope.Store, Document: id})
}

func (j *journal) RemoveStore(_ context.Context, scope rag.Scope) error {
	return j.do(change{Op: "store", Store: scope.Store})
}

// held is every entry of a document, by version, and which one is live.
func (j *journal) held(d rag.Document) indexed {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := indexed{Versions: map[int]map[string]ingest.Entry{}}
	if in := j.docs[d.StoreID+"/"+d.ID]; in != nil {
		out.Live = in.Live
		for v, entries := range in.Versions {
			if len(entries) > 0 {
				out.Versions[v] = entries
			}
		}
	}
	return out
}

// model is an embedding model that counts words and spells vectors from
// hashes. before runs ahead of each embedding and may wait or refuse.
type model struct {
	before func(ctx context.Context, texts []string) error
}

func (m model) EmbedPassages(ctx context.Context, texts []string) ([][]float32, error) {
	if m.before != nil {
		if err := m.before(ctx, texts); err != nil {
			return nil, err
		}
	}
	out := make([][]float32, len(texts))
	for i, text := range texts {
		out[i] = vector(text)
	}
	return out, nil
}

func (model) CountTokens(_ context.Context, texts []string) ([]int, error) {
	out := make([]int, len(texts))
	for i, text := range texts {
		out[i] = len(strings.Fields(text))
	}
	return out, nil
}

func vector(text string) []float32 {
	h := fnv.New64a()
	h.Write([]byte(text)) // a hash never fails
	angle := float64(h.Sum64()%3600) / 1800 * math.Pi
	return []float32{float32(math.Cos(angle)), float32(math.Sin(angle))}
}

// parse is a parser: the first line of a file may say what goes wrong with it.
func parse(_ context.Context, o ingest.Original) (ingest.Text, error) {
	raw, err := io.ReadAll(o)
	if err != nil {
		return ingest.Text{}, err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	switch first {
	case "!encrypted":
		return ingest.Text{}, rag.Fail(rag.CodeEncrypted, "the file is encrypted; remove the password and upload it again")
	case "!broken":
		return ingest.Text{}, fmt.Errorf("the child said: out of cheese")
	case "!panic":
		panic("parser")
	case "!scan":
		return ingest.Text{Marks: []ingest.Mark{{Kind: ingest.MarkPage, Page: 1}}}, nil
	}
	return ingest.Text{Body: string(raw), Title: o.Name}, nil
}

// lines makes a chunk of every line.
func lines(t ingest.Text, path string, count func([]string) ([]int, error)) ([]ingest.Span, error) {
	var spans []ingest.Span
	at := 0
	for line := range strings.Lines(t.Body) {
		if strings.TrimSpace(line) != "" {
			spans = append(spans, ingest.Span{Start: at, End: at + len(strings.TrimRight(line, "\n")), Header: path})
		}
		at += len(line)
	}
	_, err := count([]string{t.Body})
	return spans, err
}

func analyze(text string) []string {
	terms := strings.Fields(strings.ToLower(text))
	slices.Sort(terms)
	return slices.Compact(terms)
}
