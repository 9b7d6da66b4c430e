package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
)

// patience is how often a file that is being written is looked at, before it
// is left for the next run.
const patience = 10

// syncing makes a store what a folder is.
type syncing struct {
	cli    *cli
	api    *client
	in     ingesting
	root   string
	enter  func(dir string)    // of each folder below root, before it is read
	rounds int                 // like patience
	wait   time.Duration       // how long to follow what was sent; 0: until it is done
	ask    func(question) bool // whether to remove so much

	known   map[string]file    // whose sum was taken, by path
	refused map[string]refusal // by path
}

// question is what is asked before much is removed.
type question struct{ removed, of, files int }

func newSyncing(c *cli, api *client, in ingesting, root string) *syncing {
	s := &syncing{cli: c, api: api, in: in, root: root, rounds: patience, enter: func(string) {},
		known: map[string]file{}, refused: map[string]refusal{}}
	s.ask = func(q question) bool { return s.in.force || c.confirm(q.String()) }
	return s
}

func (q question) String() string {
	return fmt.Sprintf("%d of %d documents of the store have no file in the folder, which has %d files. Remove them?", q.removed, q.of, q.files)
}

// once compares, then sends, waits and removes, in this order: what was
// renamed is found under its new path before it goes from the old one. The
// changes in its result are those that were made, or with --dry-run would be.
func (s *syncing) once(ctx context.Context) (result, error) {
	began := time.Now()
	if info, err := os.Stat(s.root); err != nil {
		return result{}, fmt.Errorf("%w: %w", errNoFolder, err)
	} else if !info.IsDir() {
		return result{}, fmt.Errorf("%w: %s is none", errNoFolder, s.root)
	}
	files, left, err := scan(os.DirFS(s.root), s.in.ignore, s.enter)
	if err != nil {
		return result{}, err
	}
	docs, err := s.api.documents(ctx, s.in.store)
	if err != nil && statusOf(err) != http.StatusNotFound {
		return result{}, err
	}
	docs = slices.DeleteFunc(docs, func(d document) bool { return d.AttachedTo != "" }) // come and go with their mails
	files, unread, err := s.takeSums(ctx, files, docs)
	if err != nil {
		return result{}, err
	}
	left = append(left, unread...)
	p := planFor(files, left, docs, s.api.labels)
	p.DryRun = s.in.dryRun
	if s.in.dryRun {
		return result{Store: s.in.store, Files: len(files), Ready: p.ok, Failed: append([]document{}, p.bad...), Skipped: append([]skipped{}, left...), Sync: &p.changes}, nil
	}
	if q := (question{len(p.gone), len(docs), len(files)}); p.bold(len(files), len(docs)) && !s.ask(q) {
		return result{}, tooBold(q)
	}
	r, err := s.apply(ctx, &p)
	r.Files, r.Skipped, r.Sync, r.Seconds = len(files), append(r.Skipped, left...), &p.changes, time.Since(began).Seconds()
	return r, err
}

// errNoFolder says that there is nothing to compare with.
var errNoFolder = errors.New("--sync makes a store what a folder is")

// errBold says that nothing was done because too much would be removed.
var errBold = errors.New("nothing was changed; look with --dry-run, then repeat with --force if that is right")

func tooBold(q question) error {
	return fmt.Errorf("%d of %d documents of the store have no file in the folder, which has %d files: %w", q.removed, q.of, q.files, errBold)
}

// apply carries a plan out, and leaves in it the changes that were made.
func (s *syncing) apply(ctx context.Context, p *plan) (result, error) {
	send, again := s.unrefused(p.send)
	send, moving, err := rested(ctx, send, s.in.settle, s.rounds)
	if err != nil {
		return result{}, err
	}
	failed := slices.Concat(p.bad, again)
	t := newTransfer(s.cli, s.api, s.in.store, p.ok+len(failed)+len(p.wait)+len(send))
	t.wait, t.r.Ready, t.r.Skipped = s.wait, p.ok, moving
	t.r.Failed = append(t.r.Failed, failed...)
	t.bar.skip(p.ok + len(failed))
	for _, d := range p.wait {
		t.settle(d)
	}
	err = t.run(ctx, send)
	for _, f := range t.refused {
		s.refused[f.path] = f
	}
	t.r.unfinished = t.left() > 0
	if err != nil {
		return t.r, err
	}
	gone := t.leaving(*p)
	p.narrow(t.taken, gone)
	return t.r, s.removeAll(ctx, gone)
}

// unrefused leaves out files that the server did not take as they are.
func (s *syncing) unrefused(files []file) (send []file, again []document) {
	for _, f := range files {
		if before, ok := s.refused[f.path]; ok && f.same(before.file) {
			again = append(again, before.doc)
			continue
		}
		send = append(send, f)
	}
	return send, again
}

func (s *syncing) removeAll(ctx context.Context, docs []document) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(uploads)
	for _, d := range docs {
		group.Go(func() error { return s.api.remove(ctx, s.in.store, d.ID) })
	}
	return group.Wait()
}

// confirm asks somebody at a terminal; nobody there is a no.
func (c *cli) confirm(text string) bool {
	in, ok := c.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !c.watched() {
		return false
	}
	fmt.Fprint(c.err, text, " [y/N] ")
	line, err := bufio.NewReader(in).ReadString('\n')
	return err == nil && strings.EqualFold(strings.TrimSpace(line), "y")
}

// reportChanges lists what would be done, or counts what was.
func (c *cli) reportChanges(p changes) {
	if !p.DryRun {
		c.printf("%s\n", p)
		return
	}
	for _, l := range []struct {
		sign  string
		paths []string
	}{{"add", p.Added}, {"replace", p.Replaced}, {"label", p.Labelled}, {"remove", p.Removed}} {
		for _, path := range l.paths {
			c.printf("%-8s %s\n", l.sign, path)
		}
	}
	c.printf("would be %s\n", p)
}

// String counts: "3 added, 1 replaced, 2 removed, 40 unchanged".
func (c changes) String() string {
	text := fmt.Sprintf("%d added, %d replaced, %d removed, %d unchanged", len(c.Added), len(c.Replaced), len(c.Removed), c.Unchanged)
	if len(c.Labelled) > 0 {
		text += fmt.Sprintf(", %d with new attributes or groups", len(c.Labelled))
	}
	return text
}
