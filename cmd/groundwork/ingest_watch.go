package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/fsnotify/fsnotify"

	"groundwork/configs"
	"groundwork/internal/app"
)

// followed is how long a watch follows what it sent before it looks for new changes.
const followed = time.Minute

// watching makes a store what a folder is, again and again.
type watching struct {
	*syncing
	locate func() *client // the server, which may have moved; nil while there is none

	events chan struct{}       // something below the folder changed; holds one
	said   string              // the last trouble that was told of
	deaf   map[string]bool     // folders whose changes are not heard, which was told
	failed map[string]document // that were told of, by path
}

// run ends with ctx, without an error, or when the first comparison shows that
// it would never work.
func (w *watching) run(ctx context.Context) error {
	w.events, w.failed, w.deaf, w.rounds, w.wait = make(chan struct{}, 1), map[string]document{}, map[string]bool{}, 1, followed
	w.ask = func(question) bool { return w.in.force } // nobody may be there to answer
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		w.trouble(fmt.Errorf("changes are found every %s only: %w", w.in.every, err))
	} else {
		defer func() { _ = notify.Close() }() // the process may end as well
		w.enter = func(dir string) { w.listen(notify, dir) }
		go w.hear(notify)
	}
	retry := &backoff.ExponentialBackOff{InitialInterval: time.Second, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: time.Minute}
	retry.Reset()
	for first := true; ; {
		again, err := w.pass(ctx)
		pause := w.in.every
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errBold): // somebody has to look at it
			first = false
			retry.Reset()
			w.trouble(err)
		case err != nil && first && hopeless(err):
			return err
		case err != nil:
			pause = retry.NextBackOff()
			w.trouble(fmt.Errorf("%w; it is tried again", err))
		default:
			first, w.said = false, ""
			w.in.force = false // said of the first comparison, not of a disk that goes away later
			retry.Reset()
			if again {
				pause = w.in.settle
			}
		}
		if !w.rest(ctx, pause) {
			return nil
		}
	}
}

// hopeless are errors of the first comparison that waiting does not mend: a
// folder that is not there, a key that may not write.
func hopeless(err error) bool {
	status := statusOf(err)
	return errors.Is(err, errNoFolder) || status >= 400 && status < 500 && status != http.StatusTooManyRequests
}

// pass compares once and tells whether it should be done again soon.
func (w *watching) pass(ctx context.Context) (again bool, err error) {
	if api := w.locate(); api != nil {
		api.labels, w.api = w.api.labels, api
	}
	r, err := w.once(ctx)
	if err != nil {
		return false, err
	}
	for _, s := range r.Skipped {
		again = again || s.Reason == beingWritten || s.Reason == changedMeanwhile
	}
	return again || r.unfinished, w.tell(r)
}

// tell prints what a pass changed, in one line, and what failed and was not told of before; nothing when there is neither.
func (w *watching) tell(r result) error {
	var news []document
	for _, d := range r.Failed {
		if w.failed[d.Filename].why() != d.why() {
			w.failed[d.Filename] = d
			news = append(news, d)
		}
	}
	if r.Sync.none() && len(news) == 0 {
		return nil
	}
	if w.cli.json {
		return json.NewEncoder(w.cli.out).Encode(r)
	}
	w.cli.printf("%s  %s\n", time.Now().Format(time.DateTime), r.Sync)
	for _, d := range news {
		w.cli.printf("  failed: %s\n", d.why())
	}
	return nil
}

// trouble says what is wrong, once.
func (w *watching) trouble(err error) {
	if text := err.Error(); text != w.said {
		w.said = text
		w.complain(err)
	}
}

func (w *watching) complain(err error) {
	fmt.Fprintf(w.cli.err, "%s  %s\n", time.Now().Format(time.DateTime), err)
}

// rest waits until something changed and then rests, or until pause is over;
// false ends the watch. A folder in which something changes all the time is compared all the same.
func (w *watching) rest(ctx context.Context, pause time.Duration) bool {
	over := time.After(pause)
	var calm, latest <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return true
		case <-calm:
			return true
		case <-latest:
			return true
		case <-w.events:
			if calm = time.After(w.in.settle); latest == nil {
				latest = time.After(patience * w.in.settle)
			}
		}
	}
}

// listen asks to be told of changes in a folder.
func (w *watching) listen(notify *fsnotify.Watcher, dir string) {
	err := notify.Add(filepath.Join(w.root, filepath.FromSlash(dir)))
	if err != nil && !w.deaf[dir] {
		w.complain(fmt.Errorf("changes in %s are found every %s only: %w", dir, w.in.every, err))
	}
	w.deaf[dir] = err != nil
}

// hear turns events into a sign that there is something to compare.
func (w *watching) hear(notify *fsnotify.Watcher) {
	for {
		select {
		case event, ok := <-notify.Events:
			if !ok {
				return
			}
			if w.litter(event.Name) || event.Op == fsnotify.Chmod {
				continue
			}
		case _, ok := <-notify.Errors: // such as too many events to keep
			if !ok {
				return
			}
		}
		select {
		case w.events <- struct{}{}:
		default:
		}
	}
}

// litter tells whether a file is left out, or below a folder that is.
func (w *watching) litter(name string) bool {
	rel, err := filepath.Rel(w.root, name)
	if err != nil || rel == "." {
		return false
	}
	rel = filepath.ToSlash(rel)
	for at := range strings.SplitSeq(rel, "/") {
		if ignored(at, nil) {
			return true
		}
	}
	return ignored(rel, w.in.ignore)
}

// relocate finds the server again that a command was connected to: one found
// by its data directory listens elsewhere after a restart.
func (c *cli) relocate(cfg configs.Config, api *client) *client {
	if c.server != "" {
		return nil
	}
	at, ok := app.Locate(cfg.Server.DataDir)
	if !ok || at.URL == api.base {
		return nil
	}
	return &client{base: at.URL, key: at.Token, http: newHTTP()}
}
