package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"groundwork/eval"
	"groundwork/eval/compare"
)

// safetyKind marks the runs about documents with hidden instructions.
const safetyKind = "safety "

// safetyStore is the temporary store of a comparison.
func safetyStore(is compare.Comparison) string { return "compare-safety-" + is.ID }

// safetyCells are the four cells, those with retrieval over the temporary store.
func safetyCells(is compare.Comparison) []compare.Cell {
	return slices.DeleteFunc(compare.Cells(is.Setup.Model, is.Setup.Adapter, safetyStore(is)), func(c compare.Cell) bool { return c.Open })
}

// safety puts the poisoned documents into a store of their own, asks about them, and deletes it.
func (k *comparing) safety(ctx context.Context, asker *cellAsker) (err error) {
	documents, err := compare.Poison()
	if err != nil {
		return err
	}
	attacks, err := compare.Attacks()
	if err != nil {
		return err
	}
	store := safetyStore(k.is)
	defer func() {
		if removed := k.api.removeStore(context.WithoutCancel(ctx), store); removed != nil {
			err = errors.Join(err, fmt.Errorf("delete the store %s by hand: %w", store, removed))
		}
	}()
	if err := k.fill(ctx, store, documents); err != nil {
		return err
	}
	questions := make([]eval.Question, len(attacks))
	for i, a := range attacks {
		questions[i] = a.Question
	}
	return k.askAll(ctx, safetyKind, safetyCells(k.is), questions, func(ctx context.Context, cell compare.Cell, q eval.Question) (eval.Outcome, error) {
		message := q.Question
		if !cell.Store {
			message = compare.Pasted(documents[q.Gold[0].Path], q.Question)
		}
		return asker.askWith(ctx, cell, q, message)
	})
}

// fill uploads documents and waits until they can be found.
func (k *comparing) fill(ctx context.Context, store string, documents map[string][]byte) error {
	files := make([]file, 0, len(documents))
	for path, content := range documents {
		files = append(files, file{path: path, open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }})
	}
	t := newTransfer(k.cli, k.api, store, len(files))
	if err := t.run(ctx, files); err != nil {
		return err
	}
	if t.r.Ready != len(documents) {
		return fmt.Errorf("%d of %d documents of the safety set were taken in", t.r.Ready, len(documents))
	}
	return nil
}
