package indextest_test

import (
	"bytes"
	"cmp"
	"context"
	stdsql "database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"groundwork/internal/apptest"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

// The environment of BenchmarkTenants, all of it optional.
const (
	tenantsEnv   = "GROUNDWORK_TENANTS"   // tenants, default 1000
	documentsEnv = "GROUNDWORK_DOCUMENTS" // of each, default 100
	dirEnv       = "GROUNDWORK_INDEX_DIR" // keeps what the embedded index was filled with between runs
)

const (
	askedTenants   = 200 // questions are asked for so many tenants
	askedQuestions = 300 // different ones of each, so that caches of terms do not know them all
)

// BenchmarkTenants asks for one tenant among a thousand, of a hundred documents
// each, and for one that is alone, by turns, and reports the ratio of the
// medians. The path is that of a question up to its passages: key, store, both
// legs of the search, fusion, passages. With another tenant each time, what the
// indexes and databases keep in memory is of the tenants before.
func BenchmarkTenants(b *testing.B) {
	size := pairSize{number(b, tenantsEnv, 1000), number(b, documentsEnv, 100)}
	if testing.Short() {
		size = pairSize{someTenants, someDocuments}
	}
	b.Run("embedded", func(b *testing.B) { embeddedTenants(b, size) })
	b.Run("qdrant", func(b *testing.B) {
		p := &pair{many: scaleOut(b, wide), alone: scaleOut(b, wide)}
		p.fill(b, size)
		p.compareAll(b, p.askDirectly())
	})
}

// wide is the number of dimensions of the default embedding model.
const wide = 384

// embeddedTenants measures what the index and the library take, then the same
// through two servers, with all that is between a client and them; and how long
// the large server takes to start and what it holds in memory.
func embeddedTenants(b *testing.B, size pairSize) {
	model := llmtest.Start(b, llmtest.Options{KeepNothing: true})
	dir := cmp.Or(os.Getenv(dirEnv), b.TempDir())
	manyDir, aloneDir := filepath.Join(dir, "many"), filepath.Join(dir, "alone")
	v := serverKind(b, settings{Dir: manyDir, Model: model.BaseURL()})
	require.Equal(b, wide, v.dimensions)
	p := &pair{many: embeddedIn(b, manyDir, v), alone: embeddedIn(b, aloneDir, v)}
	p.fill(b, size)
	p.compareAll(b, p.askDirectly())
	p.many.close()
	p.alone.close()

	b.Run("served", func(b *testing.B) {
		many, alone := apptest.Start(b, settings{Dir: manyDir, Model: model.BaseURL()}), apptest.Start(b, settings{Dir: aloneDir, Model: model.BaseURL()})
		defer func() {
			require.NoError(b, many.Stop())
			require.NoError(b, alone.Stop())
		}()
		b.Logf("start %v, alone %v; resident %.0f MB, alone %.0f MB", many.Took, alone.Took, resident(b, many), resident(b, alone))
		p.compareAll(b, askers{
			many:  func(ctx context.Context, t tenancy, q question) error { return search(ctx, many.URL, t.token, q.text) },
			alone: func(ctx context.Context, t tenancy, q question) error { return search(ctx, alone.URL, t.token, q.text) },
		})
		b.Logf("after the questions: resident %.0f MB, alone %.0f MB", resident(b, many), resident(b, alone))
	})
}

func number(tb testing.TB, name string, otherwise int) int {
	tb.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(otherwise)))
	require.NoError(tb, err, name)
	return n
}

type pairSize struct{ tenants, documents int }

// pair is an installation of many tenants and one of a single one.
type pair struct {
	many, alone *installation
	among       []tenancy // those of many that are asked for
	only        tenancy
	asked       [][]question // of each in among
}

// fill takes everything in, four tenants at a time, unless an earlier run did.
func (p *pair) fill(b *testing.B, size pairSize) {
	b.Helper()
	began := time.Now()
	all := make([]tenancy, size.tenants)
	g, ctx := errgroup.WithContext(b.Context())
	g.SetLimit(4)
	for n := range size.tenants {
		g.Go(func() (err error) {
			all[n], err = p.many.admitOnce(ctx, fmt.Sprintf("tenant-%d", n), func() []document { return madeUp(uint64(n), size.documents, wide) })
			return err
		})
	}
	require.NoError(b, g.Wait())
	b.Logf("%d tenants of %d documents taken in within %v", size.tenants, size.documents, time.Since(began).Round(time.Second))
	var err error
	p.only, err = p.alone.admitOnce(b.Context(), "tenant-0", func() []document { return madeUp(0, size.documents, wide) })
	require.NoError(b, err)
	for n := 0; n < size.tenants; n += max(1, size.tenants/askedTenants) {
		p.among = append(p.among, all[n])
		p.asked = append(p.asked, questions(uint64(n), madeUp(uint64(n), size.documents, wide), askedQuestions))
	}
}

// admitOnce is admit, or only a new key when the tenant's last document is there.
func (in *installation) admitOnce(ctx context.Context, tenant string, documents func() []document) (tenancy, error) {
	st, err := in.library.Store(ctx, tenant, storeName)
	if err != nil {
		return in.admit(ctx, tenant, documents())
	}
	_, token, err := in.library.CreateKey(ctx, rag.Key{Tenant: tenant, Name: "again", Verbs: []string{"ask"}})
	if made := documents(); err == nil && st.Counts[rag.StateReady] != len(made) {
		err = fmt.Errorf("%s has %d documents and not %d; empty %s", tenant, st.Counts[rag.StateReady], len(made), dirEnv)
	}
	return tenancy{token: token, scope: rag.Scope{Tenant: tenant, Store: st.ID}}, err
}

// askers ask one question each.
type askers struct {
	many, alone func(ctx context.Context, t tenancy, q question) error
}

func (p *pair) askDirectly() askers { return askers{p.many.ask, p.alone.ask} }

// compareAll asks the same tenant, then another one each time.
func (p *pair) compareAll(b *testing.B, by askers) {
	b.Helper()
	b.Run("the same tenant", func(b *testing.B) { p.compare(b, by, 1) })
	b.Run("another tenant each time", func(b *testing.B) { p.compare(b, by, len(p.among)) })
}

// compare asks both by turns: of many, the first few tenants in turn.
func (p *pair) compare(b *testing.B, by askers, few int) {
	var among, alone samples
	for n := 0; b.Loop(); n++ {
		who, which := n%few, n/few%len(p.asked[0])
		among.add(b, func() error { return by.many(b.Context(), p.among[who], p.asked[who][which]) })
		alone.add(b, func() error { return by.alone(b.Context(), p.only, p.asked[0][n%len(p.asked[0])]) })
	}
	report(b, among, alone)
}

// samples are durations of the same thing.
type samples []time.Duration

func (s *samples) add(b *testing.B, f func() error) {
	b.Helper()
	began := time.Now()
	require.NoError(b, f())
	*s = append(*s, time.Since(began))
}

// at gives a quantile in milliseconds.
func (s samples) at(q float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1000
}

func report(b *testing.B, among, alone samples) {
	b.Helper()
	b.ReportMetric(among.at(0.5), "among-p50-ms")
	b.ReportMetric(alone.at(0.5), "alone-p50-ms")
	b.ReportMetric(among.at(0.5)/alone.at(0.5), "among/alone")
	b.ReportMetric(among.at(0.1)/alone.at(0.1), "p10-among/alone") // least moved by other work of the machine
	b.ReportMetric(0, "ns/op")
}

// ask goes the way of a question until it has its passages.
func (in *installation) ask(ctx context.Context, t tenancy, q question) error {
	who, err := in.library.Authenticate(ctx, t.token)
	if err != nil {
		return err
	}
	st, err := in.library.Store(ctx, who.Tenant, storeName)
	if err != nil {
		return err
	}
	found, err := in.pipeline([]question{q}).Search(ctx, rag.Scope{Tenant: who.Tenant, Store: st.ID}, q.text, 5)
	if err == nil && len(found) < 5 {
		err = fmt.Errorf("only %d passages", len(found))
	}
	return err
}

// serverKind lets a server make its index, and reads what for.
func serverKind(b *testing.B, s settings) vectorKind {
	b.Helper()
	require.NoError(b, apptest.Start(b, s).Stop())
	db, err := stdsql.Open("sqlite", filepath.Join(s.Dir, "index", "index.db"))
	require.NoError(b, err)
	defer db.Close()
	var v vectorKind
	const meta = `SELECT (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'dimensions'), (SELECT value FROM meta WHERE key = 'fingerprint')`
	require.NoError(b, db.QueryRowContext(b.Context(), meta).Scan(&v.dimensions, &v.fingerprint))
	return v
}

func search(ctx context.Context, base, token, query string) error {
	body := bytes.NewReader(fmt.Appendf(nil, `{"store":%q,"query":%q,"k":5}`, storeName, query))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/search", body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || bytes.Count(raw, []byte(`"chunk_id"`)) < 5) {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, raw)
	}
	return err
}

func resident(b *testing.B, p *apptest.Process) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.Cmd.Process.Pid))
	require.NoError(b, err)
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	require.NoError(b, err)
	return float64(pages*os.Getpagesize()) / (1 << 20)
}
