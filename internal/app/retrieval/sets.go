package retrieval

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/ingest/chunk"
	"groundwork/ingest/parse"
)

// Load reads the sets of a folder, in the order of their names:
//
//	retrieval/NAME/corpus.jsonl, queries.jsonl, qrels.tsv   passages as they are
//	qa/NAME-….jsonl with the Markdown files below NAME/     documents, cut as the product cuts them
//
// count counts the tokens of texts for the chunker.
func Load(ctx context.Context, dir string, c configs.Config, count chunk.Counter) ([]eval.Set, error) {
	data := os.DirFS(dir)
	var sets []eval.Set
	folders, err := fs.Glob(data, "retrieval/*/corpus.jsonl")
	if err != nil {
		return nil, err
	}
	for _, corpus := range folders {
		some, err := eval.ReadSet(data, path.Dir(corpus))
		if err != nil {
			return nil, err
		}
		sets = append(sets, some...)
	}
	questions, err := fs.Glob(data, "qa/*-*.jsonl")
	if err != nil {
		return nil, err
	}
	for _, file := range questions {
		set, err := documents{data, c, count}.set(ctx, file)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("%s holds no sets; `groundwork eval retrieval --help` says what they look like", filepath.Clean(dir))
	}
	return sets, nil
}

// documents makes a set of a question file and the documents that it is about.
type documents struct {
	data  fs.FS
	cfg   configs.Config
	count chunk.Counter
}

// stretch is where a passage lies in its document, in bytes.
type stretch struct {
	id         string
	start, end int
}

// covers holds when 30 % of a quote is in the passage, or 30 % of the passage is quote.
func (s stretch) covers(start, end int) bool {
	common := float64(min(s.end, end) - max(s.start, start))
	return common > 0 && (common >= 0.3*float64(end-start) || common >= 0.3*float64(s.end-s.start))
}

func (d documents) set(ctx context.Context, file string) (eval.Set, error) {
	name, _, _ := strings.Cut(path.Base(file), "-")
	set := eval.Set{Name: name}
	asked, err := fs.ReadFile(d.data, file)
	if err != nil {
		return set, err
	}
	questions, err := eval.Read(bytes.NewReader(asked))
	if err != nil {
		return set, fmt.Errorf("%s: %w", file, err)
	}
	bodies, places := map[string]string{}, map[string][]stretch{}
	err = fs.WalkDir(d.data, name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".md" || path.Dir(file) == name {
			return err
		}
		document := strings.TrimPrefix(file, name+"/")
		body, spans, err := d.cut(ctx, file, document)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		bodies[document] = body
		for seq, s := range spans {
			id := document + "#" + strconv.Itoa(seq)
			set.Passages = append(set.Passages, eval.SetPassage{ID: id, Document: document, Seq: seq, Header: s.Header, Text: body[s.Start:s.End]})
			places[document] = append(places[document], stretch{id, s.Start, s.End})
		}
		return nil
	})
	if err != nil {
		return set, err
	}
	for _, q := range questions {
		if !q.Answerable() {
			continue
		}
		relevant, err := relevantTo(q, bodies, places)
		if err != nil {
			return set, fmt.Errorf("%s: %w", file, err)
		}
		set.Queries = append(set.Queries, eval.SetQuery{ID: q.ID, Text: q.Question, Relevant: relevant})
	}
	return set, nil
}

// relevantTo finds the passages that hold a question's gold quotes.
func relevantTo(q eval.Question, bodies map[string]string, places map[string][]stretch) (map[string]float64, error) {
	relevant := map[string]float64{}
	for _, g := range q.Gold {
		start := strings.Index(bodies[g.Path], g.Quote)
		if start < 0 {
			return nil, fmt.Errorf("question %s: its gold quote is not in %s", q.ID, g.Path)
		}
		for _, s := range places[g.Path] {
			if s.covers(start, start+len(g.Quote)) {
				relevant[s.id] = 1
			}
		}
	}
	return relevant, nil
}

// cut reads and cuts one Markdown document. It is read in this process: the sets are the
// evaluator's own, and Markdown is text.
func (d documents) cut(ctx context.Context, file, document string) (string, []chunk.Span, error) {
	raw, err := fs.ReadFile(d.data, file)
	if err != nil {
		return "", nil, err
	}
	p := d.cfg.Parse
	text, err := parse.Document(ctx, raw, document, "text/markdown", parse.Options{Limits: parse.Limits{
		Text: int(p.MaxText), Pages: p.MaxPages, Unpacked: int64(p.MaxUnpacked), Entries: p.MaxZipEntries, Depth: p.MaxDepth,
	}})
	if err != nil {
		return "", nil, err
	}
	doc := chunk.Doc{Body: text.Body, Title: text.Title, Path: document}
	for _, m := range text.Marks {
		doc.Marks = append(doc.Marks, chunk.Mark{Kind: chunk.Kind(m.Kind), Start: m.Start, End: m.End, Level: m.Level, Page: m.Page, Label: m.Label})
	}
	spans, err := chunk.Split(doc, chunk.Options{Tokens: d.cfg.Chunk.Tokens, Max: d.cfg.Chunk.MaxChunks}, d.count)
	return text.Body, slices.Clip(spans), err
}
