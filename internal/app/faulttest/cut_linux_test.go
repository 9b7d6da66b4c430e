package faulttest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"groundwork/internal/apptest"
	"groundwork/internal/diskfault"
	"groundwork/llm/llmtest"
	"groundwork/rag"
	"groundwork/store/sql"
)

// watched starts a server whose every change of its data directory goes
// through decide.
func watched(t *testing.T, s settings, decide func(diskfault.Op) unix.Errno) (*apptest.Process, *diskfault.Watch) {
	t.Helper()
	var watch *diskfault.Watch
	child := apptest.Start(t, s, func(cmd *exec.Cmd) {
		var err error
		watch, err = diskfault.Attach(cmd, s.Dir, decide)
		require.NoError(t, err)
	})
	return child, watch
}

// record is what a server did to its data directory while it was used, and
// what it acknowledged when.
type record struct {
	log     []diskfault.Op
	ledger  *ledger
	dir     string // as it is in the end
	started int    // changes until it listened
}

// recorded uses a server for so many wishes of each client, and ends it.
func recorded(t *testing.T, s settings, seed uint64, wishes int) record {
	t.Helper()
	var watch atomic.Pointer[diskfault.Watch]
	r := record{dir: s.Dir, ledger: newLedger(func() int { return watch.Load().Len() })}
	child, w := watched(t, s, nil)
	watch.Store(w)
	r.started = w.Len()
	require.NoError(t, r.ledger.crowd(t.Context(), newClient(child.URL), seed, wishes))
	require.NoError(t, child.Stop())
	var err error
	r.log, err = w.Wait()
	require.NoError(t, err)
	return r
}

// cuts plays so many power cuts of a record and calls check with what is left
// of each; two at a time.
func (r record) cuts(t *testing.T, seed uint64, states int, check func(t *testing.T, dir string, at int)) {
	t.Helper()
	var next atomic.Int64
	var wait sync.WaitGroup
	root := t.TempDir()
	for range 2 {
		wait.Go(func() {
			for n := int(next.Add(1)); n <= states && !t.Failed(); n = int(next.Add(1)) {
				chance := rand.New(rand.NewPCG(seed, uint64(n)))
				at := r.started + chance.IntN(len(r.log)-r.started)
				if n%10 == 0 { // also while it starts for the first time
					at = chance.IntN(len(r.log))
				}
				dir := filepath.Join(root, fmt.Sprint(n))
				if err := diskfault.Cut(r.log, at, chance).WriteTo(dir); err != nil {
					t.Errorf("state %d: %v", n, err)
					return
				}
				t.Run(fmt.Sprintf("state %d before change %d", n, at), func(t *testing.T) { check(t, dir, at) })
				if !t.Failed() {
					_ = os.RemoveAll(dir) // the rest goes with the test
				}
			}
		})
	}
	wait.Wait()
}

// copied is a ledger that a check may settle.
func (l *ledger) copied() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := newLedger(never)
	for path, deeds := range l.deeds {
		for _, d := range deeds {
			twin := *d
			out.deeds[path] = append(out.deeds[path], &twin)
		}
	}
	return out
}

// TestPowerCut takes the power away at random moments: of what was not synced
// by then a random part is lost. A server that is started on the rest has
// everything that was acknowledged.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	model, seed := llmtest.Start(t, llmtest.Options{}).BaseURL(), newSeed(t)
	r := recorded(t, settings{Dir: t.TempDir(), Model: model}, seed, 12)
	r.complete(t)
	states := scale(30, 900)
	var acknowledged atomic.Int64
	r.cuts(t, seed, states, func(t *testing.T, dir string, at int) {
		t.Helper()
		l := r.ledger.copied()
		acknowledged.Add(int64(l.acknowledgedBy(at)))
		recovered(t, settings{Dir: dir, Model: model}, l, at)
	})
	row(t, "power cut", "%d states of %d changes, %d wishes acknowledged: none lost, none double, none half visible", states, len(r.log), acknowledged.Load())
}

// TestPowerCutWithoutSyncs is the control: the same with databases that do not
// sync each commit must lose what was acknowledged, or the test above sees nothing.
func TestPowerCutWithoutSyncs(t *testing.T) {
	t.Parallel()
	model, seed := llmtest.Start(t, llmtest.Options{}).BaseURL(), newSeed(t)
	r := recorded(t, settings{Dir: t.TempDir(), Model: model, Synchronous: "NORMAL"}, seed, 12)
	states := scale(60, 900)
	var bad atomic.Int64
	r.cuts(t, seed, states, func(t *testing.T, dir string, at int) {
		t.Helper()
		if lost(t.Context(), r.ledger.copied(), dir, at) > 0 {
			bad.Add(1)
		}
	})
	row(t, "power cut, synchronous=NORMAL", "%d of %d states lose what was acknowledged, as they must", bad.Load(), states)
	require.Greater(t, int(bad.Load()), states/4)
}

// acknowledgedBy counts the deeds that were acknowledged by a time.
func (l *ledger) acknowledgedBy(at int) (n int) {
	for _, deeds := range l.deeds {
		for _, d := range deeds {
			if d.acked <= at {
				n++
			}
		}
	}
	return n
}

// lost counts the paths that do not stand as was acknowledged, by the library alone.
func lost(ctx context.Context, l *ledger, dir string, at int) (n int) {
	there := map[string]string{}
	store, err := sql.Open(ctx, sql.Options{Path: filepath.Join(dir, "library.db")})
	if err == nil {
		err = store.EachDocument(ctx, func(d rag.Document) error { there[d.Path] = d.SHA256; return nil })
		_ = store.Close() // only read
	}
	if err != nil {
		there = nil // nothing can be read
	}
	for _, path := range l.paths() {
		fits := false
		for _, d := range l.allowed(path, at) {
			is, found := there[path]
			fits = fits || found == (d.content != "") && (!found || is == sum(d.content))
		}
		if !fits {
			n++
		}
	}
	return n
}

// complete holds the record to the folder: played as a whole it gives every
// file as it is. The shared memory of SQLite is not written by calls.
func (r record) complete(t *testing.T) {
	t.Helper()
	end := diskfault.End(r.log)
	files := 0
	require.NoError(t, filepath.WalkDir(r.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		name, err := filepath.Rel(r.dir, path)
		require.NoError(t, err)
		is, err := os.ReadFile(path)
		require.NoError(t, err)
		recorded, known := end.Files[name]
		require.True(t, known, "%s is not in the record", name)
		require.True(t, bytes.Equal(is, recorded), "%s is not as recorded", name)
		files++
		return nil
	}))
	for name := range end.Files {
		require.FileExists(t, filepath.Join(r.dir, name))
	}
	require.Greater(t, files, 4)
}

// quiet is how long a server may take until it does what it should.
const quiet = 30 * time.Second

// TestSyncFails lets syncs fail, as a dying disk does: what
// was to be kept is lost unless it is written again. The call that needed it
// is refused or ends in an error; what the server acknowledged is there, also
// after a power cut, and when the disk is well again it goes on.
func TestSyncFails(t *testing.T) {
	t.Parallel()
	model, seed := llmtest.Start(t, llmtest.Options{}).BaseURL(), newSeed(t)
	failures := scale(12, 120)
	s := settings{Dir: t.TempDir(), Model: model}
	var on atomic.Bool
	var failed atomic.Int64
	chance := rand.New(rand.NewPCG(seed, 0)) // of the watch, which asks for one call after the other
	child, w := watched(t, s, func(op diskfault.Op) unix.Errno {
		if op.Kind == diskfault.Sync && on.Load() && chance.IntN(8) == 0 && failed.Load() < int64(failures) {
			failed.Add(1)
			return unix.EIO
		}
		return 0
	})
	r := record{dir: s.Dir, ledger: newLedger(w.Len)}
	on.Store(true)
	c, refused, n := newClient(child.URL), 0, 0
	for ; failed.Load() < int64(failures); n++ {
		path := fmt.Sprintf("rules-%d.md", n%40)
		d := r.ledger.begin(path, r.ledger.content(path, 1+n%3))
		id, err := c.upload(t.Context(), path, d.content)
		if err == nil {
			r.ledger.end(d, id)
			continue
		}
		requireRefused(t, err)
		refused++
	}
	on.Store(false)
	require.Positive(t, refused, "no upload met a failing sync")
	works(t, r.ledger, c)
	child.Kill()
	var err error
	r.log, err = w.Wait()
	require.NoError(t, err)
	states := scale(6, 60)
	r.cuts(t, seed, states, func(t *testing.T, dir string, at int) {
		t.Helper()
		recovered(t, settings{Dir: dir, Model: model}, r.ledger.copied(), at)
	})
	recovered(t, s, r.ledger, len(r.log))
	row(t, "sync fails", "%d failures, %d of %d uploads refused; then %d power cuts: none lost", failed.Load(), refused, n, states)
}

// works sends one more document, which must be taken and found.
func works(t *testing.T, l *ledger, c *client) {
	t.Helper()
	const path = "afterwards.md"
	require.Eventually(t, func() bool { return l.put(t.Context(), c, path, l.content(path, 2)) == nil }, quiet, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		texts, err := c.find(t.Context(), path)
		return err == nil && len(texts) > 0 && whole(texts) == nil
	}, settleLimit, 50*time.Millisecond)
}

// TestReadOnlyDisk lets every change fail, as a file system does that the
// kernel has made read-only: uploads and deletions are refused, questions are answered.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	s := settings{Dir: t.TempDir(), Model: llmtest.Start(t, llmtest.Options{}).BaseURL()}
	var on atomic.Bool
	child, w := watched(t, s, func(diskfault.Op) unix.Errno {
		if on.Load() {
			return unix.EROFS
		}
		return 0
	})
	l, c := newLedger(never), newClient(child.URL)
	works(t, l, c)
	on.Store(true)
	for n := range 5 {
		_, err := c.upload(t.Context(), "late.md", l.content("late.md", n+1))
		requireRefused(t, err)
	}
	requireRefused(t, c.remove(t.Context(), l.last("afterwards.md").id))
	require.NoError(t, wholeInSearch(t.Context(), c, "afterwards.md"))
	on.Store(false)
	works(t, l, c)
	child.Kill()
	_, err := w.Wait()
	require.NoError(t, err)
	recovered(t, s, l, 0)
	row(t, "read-only disk", "uploads and deletions are refused, searches answered, then it goes on")
}

// requireRefused wants a reply that says so, and no other failure.
func requireRefused(t *testing.T, err error) {
	t.Helper()
	var r *refusal
	require.ErrorAs(t, err, &r)
	require.GreaterOrEqual(t, r.status, 500, "%s", r)
}
