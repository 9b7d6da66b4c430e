package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// uploads is how many files are sent, or documents removed, side by side.
	uploads = 4
	// lookEvery is how often documents on their way are asked about.
	lookEvery = 200 * time.Millisecond
	// looks is how many that are not done are asked about each time; they take turns.
	looks = 4
)

// transfer sends files and follows their documents until each is ready or
// failed. Both go on side by side: a server takes in only so many at once.
type transfer struct {
	api  *client
	bar  *progress
	wait time.Duration // how long to follow after the last file was sent; 0: until all are done

	mu      sync.Mutex
	r       result
	refused []refusal
	taken   map[string]bool // paths of files of which the server made documents
	waiting []string        // ids on their way, those first that were not asked about for longest
}

const changedMeanwhile = "it changed while it was sent; the next run sends it again"

// refusal is a file of which the server made no document.
type refusal struct {
	file
	doc document
}

func newTransfer(c *cli, api *client, store string, total int) *transfer {
	return &transfer{api: api, bar: c.progress("reading", total), taken: map[string]bool{},
		r: result{Store: store, Failed: []document{}, Skipped: []skipped{}}}
}

// run ends with an error when the server does not take files any more. What
// is wrong with a single file is in the result.
func (t *transfer) run(ctx context.Context, files []file) error {
	defer t.bar.done()
	group, ctx := errgroup.WithContext(ctx)
	sent := make(chan struct{})
	group.Go(func() error {
		defer close(sent)
		return t.sendAll(ctx, files)
	})
	group.Go(func() error { return t.follow(ctx, sent) })
	return group.Wait()
}

func (t *transfer) sendAll(ctx context.Context, files []file) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(uploads)
	for _, f := range files {
		group.Go(func() error { return t.send(ctx, f) })
	}
	return group.Wait()
}

func (t *transfer) send(ctx context.Context, f file) error {
	if ctx.Err() != nil {
		return nil // follow says what it means
	}
	doc, err := t.api.upload(ctx, t.r.Store, f.path, f.open)
	t.mu.Lock()
	defer t.mu.Unlock()
	var refused *apiError
	var unread *fs.PathError
	switch {
	case errors.As(err, &refused) && refused.Status < 500 && refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden:
		doc = document{Filename: f.path, Status: "failed", Error: &problem{refused.Code, refused.Message}}
		t.refused = append(t.refused, refusal{f, doc})
	case errors.As(err, &unread):
		t.skip(f, reasonOf(err))
		return nil
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", f.path, err)
	case f.moved():
		t.skip(f, changedMeanwhile)
		t.taken[f.path] = true
	default:
		t.taken[f.path] = true
	}
	t.settle(doc)
	return nil
}

func (t *transfer) skip(f file, reason string) {
	t.r.Skipped = append(t.r.Skipped, skipped{f.path, reason})
}

// settle counts a document that is done, and remembers one that is not.
func (t *transfer) settle(doc document) {
	switch doc.Status {
	case "ready":
		t.r.Ready++
	case "failed":
		t.r.Failed = append(t.r.Failed, doc)
	default:
		t.waiting = append(t.waiting, doc.ID)
	}
	t.bar.set(t.r.Ready + len(t.r.Failed))
}

// follow returns when everything was sent and nothing is waiting, or when wait is over.
func (t *transfer) follow(ctx context.Context, sent <-chan struct{}) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var over <-chan time.Time
	for {
		var all bool
		select {
		case <-sent:
			if all = true; t.wait > 0 && over == nil {
				over = time.After(t.wait)
			}
		default:
		}
		if err := t.look(ctx); err != nil {
			return err
		}
		left := t.left()
		if all && left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped with %d documents on their way; the server goes on with them, and the same command waits for them again: %w", left, ctx.Err())
		case <-over:
			return nil
		case <-tick.C:
		}
	}
}

func (t *transfer) left() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// look asks about documents that wait, until some of them are not done yet.
// Those that somebody else deleted count no more.
func (t *transfer) look(ctx context.Context) error {
	for asked, undone := t.left(), 0; asked > 0 && undone < looks; asked-- {
		t.mu.Lock()
		id := t.waiting[0]
		t.waiting = slices.Delete(t.waiting, 0, 1)
		t.mu.Unlock()
		doc, err := t.api.document(ctx, t.r.Store, id)
		var e *apiError
		switch {
		case errors.As(err, &e) && e.busy():
			doc, err = document{ID: id}, nil
		case statusOf(err) == http.StatusNotFound:
			continue
		case err != nil && ctx.Err() != nil:
			doc, err = document{ID: id}, nil // follow says how many are left
		}
		if err != nil {
			return err
		}
		t.mu.Lock()
		before := len(t.waiting)
		t.settle(doc)
		undone += len(t.waiting) - before
		t.mu.Unlock()
	}
	return nil
}
