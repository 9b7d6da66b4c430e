package faulttest_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// settleLimit is how long documents may take after a fault.
const settleLimit = 2 * time.Minute

// recovered starts a server on what a fault left, waits until everything is
// worked off, and holds it to the ledger as of a time; then it stops the server
// and compares what lies on the disk. The ledger learns what was seen.
func recovered(t *testing.T, s settings, l *ledger, at int) {
	t.Helper()
	s.Place, s.Synchronous = "", ""
	url, stop := start(t, s)
	c := newClient(url)
	for _, path := range l.paths() { // while the server still works on what it finds
		require.NoError(t, wholeInSearch(t.Context(), c, path))
	}
	docs := settled(t, c)
	require.NoError(t, l.holds(t.Context(), c, docs, at))
	for _, path := range l.paths() {
		require.NoError(t, wholeInSearch(t.Context(), c, path))
	}
	tidied(t, s)
	stop()
	verify(t, s)
}

// tidied waits until deletions have ended and the originals that the fault left
// without a row are gone: the server sees to both beside everything else.
func tidied(t *testing.T, s settings) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Dir, "library.db")+"?_query_only=1&_busy_timeout=10000")
	require.NoError(t, err)
	defer db.Close()
	require.Eventually(t, func() bool {
		var pending int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM removals").Scan(&pending))
		if pending > 0 {
			return false
		}
		found, err := filepath.Glob(filepath.Join(s.Dir, "files", "??", "*"))
		require.NoError(t, err)
		for _, path := range found {
			var users int
			row := db.QueryRowContext(t.Context(), "SELECT (SELECT COUNT(*) FROM files WHERE sha256 = ?1) + (SELECT COUNT(*) FROM versions WHERE sha256 = ?1)", filepath.Base(path))
			require.NoError(t, row.Scan(&users))
			if users == 0 {
				return false
			}
		}
		return true
	}, settleLimit, 20*time.Millisecond, "a deletion does not end, or an original that nothing refers to stays")
}

// settled waits until every document is ready or failed.
func settled(t *testing.T, c *client) []document {
	t.Helper()
	return settledWithin(t, c, settleLimit)
}

func settledWithin(t *testing.T, c *client, limit time.Duration) (docs []document) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		docs, err = c.documents(t.Context())
		return err == nil && !slices.ContainsFunc(docs, func(d document) bool { return !d.done() })
	}, limit, 20*time.Millisecond, "documents do not get ready")
	return docs
}

func wholeInSearch(ctx context.Context, c *client, path string) error {
	texts, err := c.find(ctx, path)
	if r, ok := err.(*refusal); ok && r.status == 404 { //nolint:errorlint // it comes from get, bare
		return nil // the store was never made
	}
	if err == nil {
		err = whole(texts)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// holds compares documents with the ledger: nothing acknowledged is lost,
// nothing is there twice, everything says what was sent.
func (l *ledger) holds(ctx context.Context, c *client, docs []document, at int) error {
	there, attached := map[string]document{}, map[string][]document{}
	for _, d := range docs {
		if d.AttachedTo != "" {
			attached[d.AttachedTo] = append(attached[d.AttachedTo], d)
			continue
		}
		if _, twice := there[d.Filename]; twice {
			return fmt.Errorf("%s is there twice", d.Filename)
		}
		there[d.Filename] = d
	}
	for _, path := range l.paths() {
		d, found := there[path]
		delete(there, path)
		fits := slices.IndexFunc(l.allowed(path, at), func(a *deed) bool {
			if a.content == "" {
				return !found
			}
			return found && d.SHA256 == sum(a.content) && (a.id == "" || a.id == d.ID)
		})
		if fits < 0 {
			return fmt.Errorf("%s: found %v %+v, which none of %d acknowledged or open wishes asked for", path, found, d, len(l.allowed(path, at)))
		}
		content := l.allowed(path, at)[fits].content
		if found {
			err := l.says(ctx, c, d, content)
			if err == nil && isMail(path) {
				err = encloses(attached[d.ID], content)
			}
			delete(attached, d.ID)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		l.settle(path, content, d.ID)
	}
	if len(attached) > 0 {
		return fmt.Errorf("what is attached to %v is there without it", sortedKeys(attached))
	}
	if len(there) > 0 {
		return fmt.Errorf("nobody sent %v", sortedKeys(there))
	}
	return nil
}

// says compares a document that is done with what was sent.
func (l *ledger) says(ctx context.Context, c *client, d document, content string) error {
	if isBlank(content) {
		if d.Status != "failed" || d.Error == nil || d.Error.Code != "empty_file" {
			return fmt.Errorf("a text that holds nothing is %s, %+v", d.Status, d.Error)
		}
		return nil
	}
	if d.Status != "ready" || d.Live == nil || *d.Live != d.Version {
		return fmt.Errorf("it is %s, %+v", d.Status, d.Error)
	}
	text, err := c.text(ctx, d.ID)
	if err == nil && text != content && !isMail(d.Filename) {
		err = fmt.Errorf("its text is another: %.200q", text)
	}
	return err
}

// verify compares documents, chunks, vectors, full text and originals on the
// disk, and asks SQLite whether its files are sound.
func verify(t *testing.T, s settings) {
	t.Helper()
	cfg, err := s.config()
	require.NoError(t, err)
	operator, err := app.NewOperator(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, operator.Close()) }()
	audit, err := operator.Verify(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, audit.Faults)
	require.Zero(t, audit.Waiting)
	for _, file := range []string{"library.db", "index/index.db"} {
		require.NoError(t, sound(t.Context(), filepath.Join(s.Dir, file)), file)
	}
}

func sound(ctx context.Context, file string) error {
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		return err
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check").Scan(&said); err != nil || said != "ok" {
		return fmt.Errorf("it says %q: %w", said, err)
	}
	return nil
}
