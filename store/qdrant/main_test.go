package qdrant_test

import (
	"crypto/sha1" //nolint:gosec // UUIDv5 is made of it
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	qc "github.com/qdrant/go-client/qdrant"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
	"groundwork/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := qdranttest.StopShared(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s := qdranttest.Start(t)
	type data struct {
		alias  string
		ledger *qdranttest.Ledger
	}
	var all sync.Map
	storetest.Index(t, func(t *testing.T) storetest.Searchable {
		made, known := all.LoadOrStore(t.Name(), data{alias: alias(), ledger: &qdranttest.Ledger{}})
		d := made.(data)
		if !known {
			dropAfter(t, s, d.alias)
		}
		return open(t, s, d.ledger, qdrant.Options{Alias: d.alias, Dimensions: storetest.Dimensions})
	})
}

var scope = rag.Scope{Tenant: "acme", Store: "vs_1"}

var aliases atomic.Int64

// alias is one that no other test uses, nor an earlier run on the same server.
func alias() string {
	return fmt.Sprintf("test-%d-%d-%d", os.Getpid(), time.Now().UnixNano(), aliases.Add(1))
}

// options fills in what tests do not care for.
func options(s *qdranttest.Server, o qdrant.Options) qdrant.Options {
	o.URL, o.APIKey = s.URL, s.APIKey
	if o.Dimensions == 0 {
		o.Dimensions = 4
	}
	if o.Fingerprint == "" {
		o.Fingerprint = "model a"
	}
	if o.Timeout == 0 { // patient: the machine may be busy
		o.Timeout, o.SearchTimeout = time.Minute, time.Minute
	}
	return o
}

func open(t testing.TB, s *qdranttest.Server, ledger qdrant.Ledger, o qdrant.Options) *qdrant.Index {
	t.Helper()
	x, err := qdrant.Open(t.Context(), options(s, o), ledger)
	require.NoError(t, err)
	t.Cleanup(func() { _ = x.Close() }) // a test may have closed it
	return x
}

// setup gives an empty index of vectors with 4 dimensions.
func setup(t testing.TB) (x *qdrant.Index, ledger *ledger) {
	t.Helper()
	s := qdranttest.Start(t)
	name := alias()
	dropAfter(t, s, name)
	ledger = newLedger()
	return open(t, s, ledger, qdrant.Options{Alias: name}), ledger
}

// dropAfter takes the collections of an alias off a server that outlives the test.
func dropAfter(t testing.TB, s *qdranttest.Server, alias string) {
	t.Cleanup(func() {
		client, err := qc.NewClient(clientOf(t, s))
		require.NoError(t, err)
		defer client.Close()
		names, err := client.ListCollections(background())
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasPrefix(name, alias+"-") {
				require.NoError(t, client.DeleteCollection(background(), name))
			}
		}
	})
}

func chunkID(document string, version, seq int) string {
	h := sha1.Sum(fmt.Appendf(nil, "%s/%d/%d", document, version, seq)) //nolint:gosec // as above
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func entryOf(document string, version, seq int, terms ...string) ingest.Entry {
	angle := float64(seq) / 100
	return ingest.Entry{
		ChunkID: chunkID(document, version, seq), DocumentID: document, Version: version,
		Vector: []float32{float32(math.Cos(angle)), float32(math.Sin(angle)), 0, 0}, Terms: terms,
	}
}

// version makes n entries that all hold the term "every" and the document's name.
func version(document string, version, n int) []ingest.Entry {
	out := make([]ingest.Entry, n)
	for seq := range out {
		out[seq] = entryOf(document, version, seq, "every", document)
	}
	return out
}

func publish(t testing.TB, x *qdrant.Index, entries ...ingest.Entry) {
	t.Helper()
	require.NoError(t, x.Upsert(t.Context(), scope, entries))
	require.NoError(t, x.Publish(t.Context(), scope, entries[0].DocumentID, entries[0].Version))
}

// found is what both legs find; they must agree.
func found(t testing.TB, x *qdrant.Index) []string {
	t.Helper()
	text, err := x.Text(t.Context(), scope, []string{"every"}, 1000)
	require.NoError(t, err)
	dense, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 1000)
	require.NoError(t, err)
	require.ElementsMatch(t, ids(text), ids(dense))
	return ids(dense)
}

func ids(hits []rag.Hit) []string {
	out := make([]string, 0, len(hits))
	for _, h := range hits {
		out = append(out, h.ChunkID)
	}
	return out
}

func idsOf(entries []ingest.Entry) []string {
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.ChunkID)
	}
	return out
}

// held counts what the index holds, published or not.
func held(t testing.TB, x *qdrant.Index) (published, staged int) {
	t.Helper()
	require.NoError(t, x.Held(t.Context(), scope, func(h ingest.Held) error {
		if h.Published {
			published++
		} else {
			staged++
		}
		return nil
	}))
	return published, staged
}
