package eval

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Set is a collection of passages with questions and what is relevant to each.
type Set struct {
	Name     string
	Passages []SetPassage
	Queries  []SetQuery
}

// SetPassage is one passage of a set.
type SetPassage struct {
	ID, Document string
	Seq          int    // in its document, from 0
	Header, Text string // the header helps to find the text and is not part of it
}

// SetQuery is one question; Relevant is the gain of each relevant passage by its id.
type SetQuery struct {
	ID, Text string
	Relevant map[string]float64
}

// ReadSet reads a folder with corpus.jsonl, queries.jsonl and qrels.tsv, as the
// BEIR collections are kept. Questions without a judgement are left out. A collection
// whose questions name a document (doc) is one set for each document: their
// passages have nothing to do with each other.
func ReadSet(fsys fs.FS, folder string) ([]Set, error) {
	b := beir{sets: map[string]*Set{}, places: map[string]int{}, documents: map[string]bool{}}
	if err := eachLine(fsys, path.Join(folder, "queries.jsonl"), b.query); err != nil {
		return nil, err
	}
	if err := eachLine(fsys, path.Join(folder, "qrels.tsv"), b.judgement); err != nil {
		return nil, err
	}
	if err := eachLine(fsys, path.Join(folder, "corpus.jsonl"), b.passage); err != nil {
		return nil, err
	}
	return b.close(path.Base(folder))
}

// beir puts the three files together.
type beir struct {
	queries   []beirQuery
	relevant  map[string]map[string]float64
	sets      map[string]*Set // by document; all in "" when the questions name none
	order     []string
	places    map[string]int
	documents map[string]bool // that questions name
}

type beirQuery struct {
	SetQuery
	document string
}

type beirLine struct {
	ID    string `json:"_id"`
	Doc   string `json:"doc"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

func (b *beir) query(line []byte) error {
	var q beirLine
	if err := json.Unmarshal(line, &q); err != nil {
		return err
	}
	b.queries = append(b.queries, beirQuery{SetQuery{ID: q.ID, Text: q.Text}, q.Doc})
	if q.Doc != "" {
		b.documents[q.Doc] = true
	}
	return nil
}

func (b *beir) judgement(line []byte) error {
	field := strings.Split(string(line), "\t")
	if len(field) != 3 {
		return fmt.Errorf("%q is not three fields with tabs between", line)
	}
	gain, err := strconv.ParseFloat(strings.TrimSpace(field[2]), 64)
	if err != nil {
		if len(b.relevant) == 0 {
			return nil // the header
		}
		return err
	}
	if b.relevant == nil {
		b.relevant = map[string]map[string]float64{}
	}
	if b.relevant[field[0]] == nil {
		b.relevant[field[0]] = map[string]float64{}
	}
	b.relevant[field[0]][field[1]] = gain
	return nil
}

func (b *beir) passage(line []byte) error {
	var p beirLine
	if err := json.Unmarshal(line, &p); err != nil {
		return err
	}
	document, key := cmp.Or(p.Doc, p.ID), ""
	if len(b.documents) > 0 {
		key = document
	}
	if b.sets[key] == nil {
		b.sets[key] = &Set{}
		b.order = append(b.order, key)
	}
	s := b.sets[key]
	s.Passages = append(s.Passages, SetPassage{ID: p.ID, Document: document, Seq: b.places[document], Header: p.Title, Text: p.Text})
	b.places[document]++
	return nil
}

func (b *beir) close(name string) ([]Set, error) {
	for _, q := range b.queries {
		if q.Relevant = b.relevant[q.ID]; len(q.Relevant) == 0 {
			continue
		}
		s := b.sets[q.document]
		if s == nil {
			return nil, fmt.Errorf("question %s of %s is about %q, of which there is no passage", q.ID, name, q.document)
		}
		s.Queries = append(s.Queries, q.SetQuery)
	}
	var out []Set
	for _, key := range b.order {
		if s := b.sets[key]; len(s.Queries) > 0 {
			s.Name = cmp.Or(key, name)
			out = append(out, *s)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no question with a judgement", name)
	}
	return out, nil
}

func eachLine(fsys fs.FS, file string, each func(line []byte) error) error {
	raw, err := fs.ReadFile(fsys, file)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := each(lines.Bytes()); err != nil {
			return fmt.Errorf("%s, line %d: %w", file, n, err)
		}
	}
	return lines.Err()
}
