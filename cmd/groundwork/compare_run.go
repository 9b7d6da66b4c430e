package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/eval/compare"
	"groundwork/eval/reports"
	"groundwork/eval/runs"
)

// comparing is a comparison under way.
type comparing struct {
	cli   *cli
	api   *client
	is    compare.Comparison
	cells []compare.Cell
	set   []eval.Question
	kept  reports.Store
	runs  runs.Store
}

func (k *comparing) run(ctx context.Context) error {
	asker := &cellAsker{texts: &texts{api: k.api}, is: k.is}
	if err := k.askAll(ctx, "", k.cells, k.set, asker.ask); err != nil {
		return err
	}
	if k.is.Setup.Safety {
		if err := k.safety(ctx, asker); err != nil {
			return err
		}
	}
	corpus, err := k.api.corpusHash(ctx, k.is.Setup.Store)
	if err != nil {
		return err
	}
	if corpus != k.is.Setup.Corpus {
		return fmt.Errorf("the documents of the store %s changed while they were asked about; nothing can be said (--fresh begins anew)", k.is.Setup.Store)
	}
	if k.is.Finished.IsZero() {
		k.is.Finished = time.Now().UTC()
	}
	return k.save()
}

// cellRun is the stored run of a cell.
type cellRun struct {
	mu     sync.Mutex
	known  map[string]eval.Outcome
	writer *runs.Writer // nil: it is finished
}

func (r *cellRun) outcome(id string) (eval.Outcome, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok := r.known[id]
	return o, ok
}

func (r *cellRun) add(o eval.Outcome) error {
	if err := r.writer.Add(o); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[o.ID] = o
	return nil
}

// made is what the run of a cell is made of; kind tells safety's apart.
func made(is compare.Comparison, cell compare.Cell, kind string) runs.Made {
	s := is.Setup
	m := runs.Made{Server: s.Server, Questions: s.Questions, QuestionsFile: s.QuestionsFile, Model: cell.Model, Client: s.Client, Comparison: is.ID, Cell: kind + cell.Name}
	if cell.Tuned {
		m.Adapter = s.Adapter
	}
	switch {
	case kind != "":
		m.Questions, m.QuestionsFile = "", "safety"
	case cell.Store:
		m.Store, m.Corpus = s.Store, s.Corpus
	}
	return m
}

// open takes the runs of the cells up where they are.
func (k *comparing) open(kind string, cells []compare.Cell, questions int) (map[string]*cellRun, error) {
	all, err := k.runs.List()
	if err != nil {
		return nil, err
	}
	out := map[string]*cellRun{}
	for _, cell := range cells {
		want, r := made(k.is, cell, kind), &cellRun{known: map[string]eval.Outcome{}}
		out[cell.Name] = r
		var known []eval.Outcome
		if done, ok := finished(all, want); ok {
			_, known, err = k.runs.Load(done.ID)
		} else if r.writer, err = k.runs.Begin(want, questions, false); err == nil {
			known = r.writer.Known()
		}
		if err != nil {
			return out, err
		}
		for _, o := range known {
			r.known[o.ID] = o
		}
	}
	return out, nil
}

func finished(all []runs.Run, want runs.Made) (runs.Run, bool) {
	for _, r := range all {
		if r.Made == want && r.Done() {
			return r, true
		}
	}
	return runs.Run{}, false
}

// askAll asks every question of every cell, all cells of a question before the next question, and finishes the runs.
func (k *comparing) askAll(ctx context.Context, kind string, cells []compare.Cell, set []eval.Question, ask askCell) (err error) {
	byCell, err := k.open(kind, cells, len(set))
	defer func() {
		for _, r := range byCell {
			if r.writer != nil {
				err = errors.Join(err, r.writer.Close())
			}
		}
	}()
	if err != nil {
		return err
	}
	done := 0
	for _, r := range byCell {
		done += len(r.known)
	}
	bar := k.cli.progress("asking", len(cells)*len(set))
	bar.set(done)
	var mu sync.Mutex
	step := func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		bar.set(done)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(k.is.AtOnce, 1))
	for i, q := range set {
		group.Go(func() error {
			if err := groupCtx.Err(); err != nil {
				return err
			}
			if err := askOne(groupCtx, q, turned(cells, i), byCell, ask, step); err != nil {
				return fmt.Errorf("question %s: %w", q.ID, err)
			}
			return nil
		})
	}
	err = group.Wait()
	bar.done()
	if err != nil {
		return err
	}
	for _, cell := range cells {
		if r := byCell[cell.Name]; r.writer != nil {
			if err := r.writer.Finish(); err != nil {
				return err
			}
		}
	}
	return nil
}

// turned begins with another cell for each question, so that none has always the caches of the same one before it. A
// cell with the gate off stays behind the one whose answer it may share.
func turned(cells []compare.Cell, by int) []compare.Cell {
	var units [][]compare.Cell
	for _, cell := range cells {
		if cell.Open {
			units[len(units)-1] = append(units[len(units)-1], cell)
			continue
		}
		units = append(units, []compare.Cell{cell})
	}
	out := make([]compare.Cell, 0, len(cells))
	for i := range units {
		out = append(out, units[(i+by)%len(units)]...)
	}
	return out
}

// askCell asks a question of one cell. An answer that the cell before it gave and that this one would give too comes along.
type askCell func(ctx context.Context, cell compare.Cell, q eval.Question) (eval.Outcome, error)

func askOne(ctx context.Context, q eval.Question, cells []compare.Cell, byCell map[string]*cellRun, ask askCell, step func()) error {
	var before eval.Outcome
	for _, cell := range cells {
		r := byCell[cell.Name]
		o, known := r.outcome(q.ID)
		if !known {
			var err error
			if cell.Open && !compare.Gated(before) {
				o = before
			} else if o, err = ask(ctx, cell, q); err != nil {
				return fmt.Errorf("%s: %w", cell.Name, err)
			}
			if err := r.add(o); err != nil {
				return err
			}
			step()
		}
		before = o
	}
	return nil
}

// storedResults reads the runs of a comparison back.
func storedResults(cfg configs.Config, is compare.Comparison) (results, safety []compare.Result, err error) {
	store := runs.In(filepath.Join(cfg.Server.DataDir, "runs"))
	all, err := store.List()
	if err != nil {
		return nil, nil, err
	}
	load := func(cells []compare.Cell, kind string) (out []compare.Result, err error) {
		for _, cell := range cells {
			run, ok := finished(all, made(is, cell, kind))
			if !ok {
				return nil, fmt.Errorf("there is no finished run of %s%s", kind, cell.Name)
			}
			_, outcomes, err := store.Load(run.ID)
			if err != nil {
				return nil, err
			}
			out = append(out, compare.Result{Cell: cell, Run: run.ID, Outcomes: outcomes})
		}
		return out, nil
	}
	cells := compare.Cells(is.Setup.Model, is.Setup.Adapter, is.Setup.Store)
	if results, err = load(cells, ""); err != nil || !is.Setup.Safety {
		return results, nil, err
	}
	safety, err = load(safetyCells(is), safetyKind)
	return results, safety, err
}
