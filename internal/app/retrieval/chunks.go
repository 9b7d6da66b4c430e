package retrieval

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/internal/app"
	"groundwork/rag"
)

// The peer that most tutorials build: the five windows of 1,000 characters, 200 of them
// shared with the window before, whose vectors are the nearest to the question's.
const (
	windowSize   = 1000
	windowShared = 200
	windowsSent  = 5
)

// Shares of the peer's tokens that the product may send in a comparison.
func Shares() []float64 { return []float64{0.25, 0.5, 1} }

// ChunkReport compares what is sent to the model from one document. Means are over its questions.
type ChunkReport struct {
	Document string                    `json:"document"`
	Queries  int                       `json:"questions"`
	Windows  eval.SpanScore            `json:"windows"` // the peer
	Product  map[string]eval.SpanScore `json:"product"` // by the share of the peer's tokens that it may send
	windows  []eval.SpanScore          // of each question
	product  map[string][]eval.SpanScore
}

// Chunks measures how much of the gold spans goes to the model, and for how many tokens, on
// every set of a folder whose queries name spans (references) of a document that is
// there as corpus/DOCUMENT.md. The last report is of all questions together. progress hears how
// many questions are done.
func Chunks(ctx context.Context, cfg configs.Config, opts app.Options, dir string, progress func(done, total int)) (reports []ChunkReport, err error) {
	sets, err := spanSets(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("%s holds no set whose questions name spans; `groundwork eval chunks --help` says what they look like", filepath.Clean(dir))
	}
	e, dimensions, err := newEmbedder(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close(context.WithoutCancel(ctx))) }()
	scratch, err := os.MkdirTemp("", "groundwork-chunks-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	done, total := 0, 0
	for _, s := range sets {
		total += len(s.queries)
	}
	all := ChunkReport{Document: "all", product: map[string][]eval.SpanScore{}}
	for i, set := range sets {
		m := spanMeter{cfg: cfg, e: e, set: set, dimensions: dimensions}
		r, err := m.measure(ctx, filepath.Join(scratch, strconv.Itoa(i)), os.DirFS(dir), func() { done++; progress(done, total) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", set.file, err)
		}
		reports, all = append(reports, r.means()), all.with(r)
	}
	return append(reports, all.means()), nil
}

func (r ChunkReport) with(o ChunkReport) ChunkReport {
	r.Queries += o.Queries
	r.windows = append(r.windows, o.windows...)
	for share, scores := range o.product {
		r.product[share] = append(r.product[share], scores...)
	}
	return r
}

func (r ChunkReport) means() ChunkReport {
	r.Windows, r.Product = eval.MeanSpans(r.windows), map[string]eval.SpanScore{}
	for share, scores := range r.product {
		r.Product[share] = eval.MeanSpans(scores)
	}
	return r
}

// spanSet is one document and the questions about spans of it.
type spanSet struct {
	file    string // corpus/DOCUMENT.md, in the folder
	queries []spanQuery
}

type spanQuery struct {
	ID         string         `json:"_id"`
	Text       string         `json:"text"`
	Doc        string         `json:"doc"`
	References []eval.Stretch `json:"references"`
}

func spanSets(data fs.FS) ([]spanSet, error) {
	files, err := fs.Glob(data, "retrieval/*/queries.jsonl")
	if err != nil {
		return nil, err
	}
	var out []spanSet
	for _, file := range files {
		raw, err := fs.ReadFile(data, file)
		if err != nil {
			return nil, err
		}
		places := map[string]int{}
		for d := json.NewDecoder(bytes.NewReader(raw)); d.More(); {
			var q spanQuery
			if err := d.Decode(&q); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if len(q.References) == 0 || q.Doc == "" {
				continue
			}
			document := path.Join(path.Dir(file), "corpus", q.Doc+".md")
			place, ok := places[document]
			if !ok {
				place = len(out)
				places[document] = place
				out = append(out, spanSet{file: document})
			}
			out[place].queries = append(out[place].queries, q)
		}
	}
	return out, nil
}

// spanMeter measures one set.
type spanMeter struct {
	cfg        configs.Config
	e          *embedder
	set        spanSet
	dimensions int
}

func (m spanMeter) measure(ctx context.Context, dir string, data fs.FS, step func()) (r ChunkReport, err error) {
	r = ChunkReport{Document: strings.TrimSuffix(path.Base(m.set.file), ".md"), Queries: len(m.set.queries), product: map[string][]eval.SpanScore{}}
	count := func(texts []string) ([]int, error) { return m.e.count(ctx, texts) }
	body, spans, err := documents{data, m.cfg, count}.cut(ctx, m.set.file, r.Document)
	if err != nil {
		return r, err
	}
	if r.windows, err = m.peer(ctx, body); err != nil {
		return r, err
	}
	set, starts := eval.Set{Name: r.Document}, map[string]int{}
	for seq, s := range spans {
		p := eval.SetPassage{ID: strconv.Itoa(seq), Document: r.Document, Seq: seq, Header: s.Header, Text: body[s.Start:s.End]}
		set.Passages, starts[p.ID] = append(set.Passages, p), utf8.RuneCountInString(body[:s.Start])
	}
	for _, q := range m.set.queries {
		set.Queries = append(set.Queries, eval.SetQuery{ID: q.ID, Text: q.Text})
	}
	v, err := m.e.embed(ctx, set, m.dimensions)
	if err != nil {
		return r, err
	}
	s, err := newSearcher(ctx, m.cfg, dir, set, v)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for id, p := range s.passages {
		p.Start = starts[s.names[id]]
		p.End = p.Start + utf8.RuneCountInString(p.Text)
		s.passages[id] = p
	}
	reader := &reader{embedder: m.e}
	s.pipeline.Embedder, s.pipeline.Generator, s.pipeline.Options.K = reader, reader, m.cfg.Search.K
	s.pipeline.About.Generation = func() int { return 0 }
	return r, m.product(ctx, &r, s.pipeline, reader, step)
}

// product asks every question with every share of the peer's tokens, as Ask would up to the model.
func (m spanMeter) product(ctx context.Context, r *ChunkReport, pipeline *rag.Pipeline, reader *reader, step func()) error {
	peer := eval.MeanSpans(r.windows).Tokens
	for _, q := range m.set.queries {
		question, err := m.e.count(ctx, []string{q.Text})
		if err != nil {
			return err
		}
		for _, share := range Shares() {
			reader.budget = int(share*peer) + question[0]
			x, err := pipeline.Explain(ctx, rag.Question{Scope: scope, Messages: []rag.Message{{Role: "user", Content: q.Text}}, Abstain: rag.AbstainOff})
			if err = cmp.Or(err, x.NoPrompt); err != nil {
				return fmt.Errorf("question %s: %w", q.ID, err)
			}
			var given []eval.Stretch
			for _, s := range x.Given {
				given = append(given, eval.Stretch{Start: s.Passage.Start, End: s.Passage.End})
			}
			passages, _, _ := strings.Cut(x.Prompt[len(x.Prompt)-1].Content, "Question: ")
			sent, err := m.e.count(ctx, []string{passages})
			if err != nil {
				return err
			}
			name := ShareName(share)
			r.product[name] = append(r.product[name], eval.ScoreSpans(q.References, given, sent[0]))
		}
		step()
	}
	return nil
}

// ShareName is how a share of the peer's tokens is called.
func ShareName(share float64) string { return strconv.FormatFloat(100*share, 'f', -1, 64) + " %" }

// peer scores what the windows nearest to each question hold.
func (m spanMeter) peer(ctx context.Context, body string) ([]eval.SpanScore, error) {
	points := []rune(body)
	windows := cutWindows(points)
	texts := make([]string, len(windows))
	for i, w := range windows {
		texts[i] = string(points[w.Start:w.End])
	}
	vectors, err := m.e.passages(ctx, texts)
	if err != nil {
		return nil, err
	}
	tokens, err := m.e.count(ctx, texts)
	if err != nil {
		return nil, err
	}
	var out []eval.SpanScore
	for _, q := range m.set.queries {
		asked, err := m.e.queries(ctx, []string{q.Text})
		if err != nil {
			return nil, err
		}
		order := make([]int, len(windows))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(dot(vectors[b], asked[0]), dot(vectors[a], asked[0])) })
		var sent []eval.Stretch
		cost := 0
		for _, i := range order[:min(windowsSent, len(order))] {
			sent, cost = append(sent, windows[i]), cost+tokens[i]
		}
		out = append(out, eval.ScoreSpans(q.References, sent, cost))
	}
	return out, nil
}

// cutWindows cuts a text into windows that end at white space where they can.
func cutWindows(points []rune) (windows []eval.Stretch) {
	for start := 0; start < len(points); {
		end := min(start+windowSize, len(points))
		for cut := end; end < len(points) && cut > end-windowShared; cut-- {
			if unicode.IsSpace(points[cut]) {
				end = cut
				break
			}
		}
		windows = append(windows, eval.Stretch{Start: start, End: end})
		if end == len(points) {
			break
		}
		start = end - windowShared
	}
	return windows
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// reader stands for the chat model: it counts with the embedding model's tokens and never writes.
type reader struct {
	*embedder
	budget int
}

// EmbedQuery implements rag.Embedder.
func (r *reader) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	v, err := r.queries(ctx, []string{text})
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// EmbedSentences implements rag.Embedder.
func (r *reader) EmbedSentences(ctx context.Context, texts []string) ([][]float32, error) {
	return r.passages(ctx, texts)
}

// CountTokens implements rag.Generator.
func (r *reader) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	return r.count(ctx, texts)
}

// Limits implements rag.Generator.
func (r *reader) Limits() rag.Limits {
	return rag.Limits{ContextTokens: math.MaxInt32, ContextBudget: r.budget}
}

// Generate implements rag.Generator; Explain never asks for it.
func (r *reader) Generate(context.Context, rag.Prompt, func(string) error) (rag.Usage, error) {
	return rag.Usage{}, errors.ErrUnsupported
}
