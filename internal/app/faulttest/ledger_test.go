package faulttest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// unknown is the time of a reply that did not come.
const unknown = 1 << 60

// deed is one thing that was asked for. Times are whatever counts in the test.
type deed struct {
	content string // empty: the document is deleted
	sent    int
	acked   int    // when the reply came
	id      string // that the reply named
}

// ledger is what was asked for, by path, in order: nobody asks for two things
// of a path at once.
type ledger struct {
	now func() int // the time

	mu    sync.Mutex
	deeds map[string][]*deed
	seq   int // of contents
}

func newLedger(now func() int) *ledger {
	return &ledger{now: now, deeds: map[string][]*deed{}}
}

// begin notes a deed that is about to be asked for.
func (l *ledger) begin(path, content string) *deed {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := &deed{content: content, sent: l.now(), acked: unknown}
	l.deeds[path] = append(l.deeds[path], d)
	return d
}

func (l *ledger) end(d *deed, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.acked, d.id = l.now(), id
}

// last is the newest deed of a path; nil when there is none.
func (l *ledger) last(path string) *deed {
	l.mu.Lock()
	defer l.mu.Unlock()
	if all := l.deeds[path]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// settle replaces what is known of a path by what was seen.
func (l *ledger) settle(path, content, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deeds[path] = []*deed{{content: content, acked: l.now(), id: id}}
}

// allowed are the deeds of a path of which the last one counts when everything
// ends at a time: the last that was acknowledged, and those that had been sent after it.
func (l *ledger) allowed(path string, at int) []*deed {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []*deed{{}} // nothing was there
	for _, d := range l.deeds[path] {
		switch {
		case d.acked <= at:
			out = []*deed{d}
		case d.sent <= at:
			out = append(out, d)
		}
	}
	return out
}

func (l *ledger) paths() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return sortedKeys(l.deeds)
}

// acknowledged counts the deeds that were.
func (l *ledger) acknowledged() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, all := range l.deeds {
		for _, d := range all {
			if d.acked < unknown {
				n++
			}
		}
	}
	return n
}

// content is a new text of some parts, each of which is at least one chunk.
func (l *ledger) content(path string, parts int) string {
	l.mu.Lock()
	l.seq++
	tag := l.seq
	l.mu.Unlock()
	var out strings.Builder
	for i := range parts {
		fmt.Fprintf(&out, "## Part %d of %s\n\nMark %d.%d.%d. %s\n\n", i, strings.TrimSuffix(path, ".md"), tag, i, parts,
			strings.Repeat("Trips are booked by the travel desk before they begin, and paid by the unit that sends the traveller. ", 8))
	}
	return out.String()
}

// blank is a text that the server takes and then finds to hold nothing.
func (l *ledger) blank() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	return strings.Repeat("\n", l.seq)
}

func isBlank(content string) bool { return strings.TrimSpace(content) == "" }

func sum(content string) string {
	raw := sha256.Sum256([]byte(content))
	return hex.EncodeToString(raw[:])
}

var mark = regexp.MustCompile(`Mark (\d+)\.(\d+)\.(\d+)\.`)

// whole tells what is wrong with passages that should be all of one version of
// a document, or none.
func whole(texts []string) error {
	seen, version := map[string]bool{}, ""
	want := "0"
	for _, m := range mark.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
		if version != "" && version != m[1] {
			return fmt.Errorf("versions %s and %s are found at once", version, m[1])
		}
		if seen[m[2]] {
			return fmt.Errorf("part %s of version %s is found twice", m[2], m[1])
		}
		seen[m[2]], version, want = true, m[1], m[3]
	}
	if fmt.Sprint(len(seen)) != want {
		return fmt.Errorf("%d of %s parts of version %s are found", len(seen), want, version)
	}
	return nil
}

// work asks for things of some paths, one after the other, until ctx ends or
// a call fails: new documents, new versions, the same again, deletions, and
// now and then a text that holds nothing.
func (l *ledger) work(ctx context.Context, c *client, paths []string, chance *rand.Rand, deeds int) error {
	for range deeds {
		if ctx.Err() != nil {
			return nil
		}
		if err := l.one(ctx, c, paths[chance.IntN(len(paths))], chance); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) one(ctx context.Context, c *client, path string, chance *rand.Rand) error {
	was := l.last(path)
	there := was != nil && was.content != "" && was.id != ""
	switch n := chance.IntN(20); {
	case there && n < 5:
		d := l.begin(path, "")
		if err := c.remove(ctx, was.id); err != nil {
			return err
		}
		l.end(d, "")
		return nil
	case there && n < 7:
		return l.put(ctx, c, path, was.content)
	case isMail(path) && n < 13:
		return l.ask(ctx, path, l.mail(chance.IntN), c.finished)
	case isMail(path):
		return l.put(ctx, c, path, l.mail(chance.IntN))
	case n < 9:
		return l.ask(ctx, path, l.blank(), c.finished)
	case n < 13: // or versions would follow so closely that few are ever published
		return l.ask(ctx, path, l.content(path, 1+chance.IntN(5)), c.finished)
	}
	return l.put(ctx, c, path, l.content(path, 1+chance.IntN(5)))
}

func (l *ledger) put(ctx context.Context, c *client, path, content string) error {
	return l.ask(ctx, path, content, c.upload)
}

func (l *ledger) ask(ctx context.Context, path, content string, send func(ctx context.Context, path, content string) (string, error)) error {
	d := l.begin(path, content)
	for again := 0; ; again++ {
		id, err := send(ctx, path, content)
		var r *refusal
		if errors.As(err, &r) && r.status == http.StatusServiceUnavailable && again < 20 {
			<-time.After(50 * time.Millisecond) // as the reply asks
			continue
		}
		if err == nil {
			l.end(d, id)
		}
		return err
	}
}

// crowd is work by several at once, each with paths of its own; it gives the first error.
func (l *ledger) crowd(ctx context.Context, c *client, seed uint64, deeds int) error {
	const clients, paths = 3, 2
	var wait sync.WaitGroup
	errs := make([]error, clients)
	for i := range clients {
		var own []string
		for k := range paths {
			own = append(own, fmt.Sprintf("rules-%d-%d.md", i, k))
		}
		own = append(own, fmt.Sprintf("mail-%d.eml", i))
		wait.Go(func() { errs[i] = l.work(ctx, c, own, rand.New(rand.NewPCG(seed, uint64(i))), deeds) })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
