package retrieval

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/internal/app"
)

// setVectors are those of a set's passages and questions, in their order.
type setVectors struct {
	passages, queries [][]float32
	dimensions        int
}

// Run measures every set of a folder (Load says what it looks like). What was embedded once is
// kept in the data directory's cache. progress hears how many of all texts are embedded.
func Run(ctx context.Context, cfg configs.Config, opts app.Options, dir string, progress func(done, total int)) (report eval.RetrievalReport, err error) {
	e, dimensions, err := newEmbedder(ctx, cfg, opts)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, e.close(context.WithoutCancel(ctx))) }()
	sets, err := Load(ctx, dir, cfg, func(texts []string) ([]int, error) { return e.count(ctx, texts) })
	if err != nil {
		return report, err
	}
	total := 0
	for _, s := range sets {
		total += len(s.Passages) + len(s.Queries)
	}
	e.progress = func(done int) { progress(done, total) }
	scratch, err := os.MkdirTemp("", "groundwork-retrieval-")
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	reranking, err := app.StartReranking(ctx, cfg, opts)
	if err != nil {
		return report, err
	}
	var judge *judge
	if reranking != nil {
		defer func() { err = errors.Join(err, reranking.Stop(context.WithoutCancel(ctx))) }()
		judge = newJudge(reranking)
	}
	var reports []eval.SetReport
	for i, set := range sets {
		v, err := e.embed(ctx, set, dimensions)
		if err != nil {
			return report, err
		}
		r, err := measure(ctx, cfg, filepath.Join(scratch, strconv.Itoa(i)), set, v, judge)
		if err != nil {
			return report, err
		}
		reports = append(reports, r)
	}
	return eval.JoinSets(reports), nil
}

func (e *embedder) embed(ctx context.Context, set eval.Set, dimensions int) (setVectors, error) {
	texts, questions := make([]string, len(set.Passages)), make([]string, len(set.Queries))
	for i, p := range set.Passages {
		texts[i] = searchable(p)
	}
	for i, q := range set.Queries {
		questions[i] = q.Text
	}
	v := setVectors{dimensions: dimensions}
	var err error
	if v.passages, err = e.passages(ctx, texts); err != nil {
		return v, err
	}
	v.queries, err = e.queries(ctx, questions)
	return v, err
}

func measure(ctx context.Context, cfg configs.Config, dir string, set eval.Set, v setVectors, judge *judge) (r eval.SetReport, err error) {
	s, err := newSearcher(ctx, cfg, dir, set, v)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	rankings, err := s.rankings(ctx, cfg.Search.Candidates)
	if err != nil {
		return r, err
	}
	if judge != nil {
		if rankings[eval.LegRerank], err = s.reranked(ctx, judge, cfg.LLM.Rerank.Top); err != nil {
			return r, err
		}
	}
	return eval.ScoreSet(set, rankings), nil
}
