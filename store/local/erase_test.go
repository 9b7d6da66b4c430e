package local_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
)

// secretVector has bytes that nothing else in the files has.
var secretVector = []float32{0.12345678, 0.3456789, 0.56789, float32(math.Sqrt(1 - 0.12345678*0.12345678 - 0.3456789*0.3456789 - 0.56789*0.56789))}

func secretEntry(document string, version, seq int) ingest.Entry {
	e := entryOf(document, version, seq, "common", fmt.Sprintf("secretmarker%d", seq), "public")
	e.Vector = secretVector
	return e
}

// leaves counts the files that still hold a marker or the vector.
func leaves(t *testing.T, dir string) (found []string) {
	t.Helper()
	vector := make([]byte, 0, 16)
	for _, a := range secretVector {
		vector = binary.LittleEndian.AppendUint32(vector, math.Float32bits(a))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for name, secret := range map[string][]byte{"term": []byte("secretmarker"), "vector": vector, "document": []byte("secretdoc")} {
			if bytes.Contains(raw, secret) {
				found = append(found, filepath.Base(file)+" holds the "+name)
			}
		}
	}
	return found
}

func overContext(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestErasure(t *testing.T) {
	t.Parallel()
	for name, erase := range map[string]func(t *testing.T, x *local.Index){
		"removed": func(t *testing.T, x *local.Index) {
			_, _, err := x.Remove(t.Context(), scope, "secretdoc")
			require.NoError(t, err)
		},
		"store removed": func(t *testing.T, x *local.Index) {
			require.NoError(t, x.RemoveStore(t.Context(), scope))
		},
	} {
		for _, rows := range []int{3, 1500} { // the two ways of removeTerms
			t.Run(fmt.Sprintf("%s among %d", name, rows), func(t *testing.T) {
				t.Parallel()
				x, dir := setup(t)
				var others []ingest.Entry
				for seq := range rows {
					others = append(others, entryOf("other", 1, seq, "common", fmt.Sprintf("secret%d", seq), "sec", "t", fmt.Sprint(seq)))
				}
				publish(t, x, others...)
				publish(t, x, secretEntry("secretdoc", 1, 0), secretEntry("secretdoc", 1, 1))
				require.NoError(t, x.Upsert(t.Context(), scope, []ingest.Entry{secretEntry("secretdoc", 2, 0)}))
				require.Len(t, text(t, x, "secretmarker0", "secretmarker1"), 2)
				require.NotEmpty(t, leaves(t, dir), "else the test cannot fail")
				erase(t, x)
				require.Empty(t, leaves(t, dir))
			})
		}
	}
}

// TestErasureOfManyTerms removes terms from everywhere in the index, so that
// some of them were the first of a page.
func TestErasureOfManyTerms(t *testing.T) {
	t.Parallel()
	x, dir := setup(t)
	publish(t, x, entryOf("first", 1, 0, "open")) // removed the other way, which must not change this one
	_, _, err := x.Remove(t.Context(), scope, "first")
	require.NoError(t, err)
	var others, secrets []ingest.Entry
	for seq := range 1000 {
		others = append(others, entryOf("other", 1, seq, terms(seq, "open")...))
	}
	publish(t, x, others...)
	for seq := range 2 {
		e := secretEntry("secretdoc", 1, seq)
		for n := range 400 {
			e.Terms = append(e.Terms, fmt.Sprintf("%04dsecretmarker", n*25+seq))
		}
		secrets = append(secrets, e)
	}
	publish(t, x, secrets...)
	_, _, err = x.Remove(t.Context(), scope, "secretdoc")
	require.NoError(t, err)
	require.Empty(t, leaves(t, dir))
	require.Len(t, text(t, x, "0500open"), 1)
}

// TestErasureOfDescriptions: rows of all lengths in the order of random ids move
// from page to page as others come and go, and SQLite leaves copies of them.
func TestErasureOfDescriptions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		x, dir := setup(t)
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // the same in every run
		var documents []string
		for n := range 300 {
			id := fmt.Sprintf("%08x", r.Uint32())
			documents = append(documents, id)
			publish(t, x, entryOf(id, 1, 0, "public"))
			title := strings.Repeat(fmt.Sprintf("secretmarker%03d", n), 5+r.IntN(30))
			require.NoError(t, x.Describe(t.Context(), scope, ingest.Description{DocumentID: id, Facts: rag.Attributes{"title": title}}))
		}
		require.NotEmpty(t, leaves(t, dir), "else the test cannot fail")
		for _, id := range documents[:150] {
			_, _, err := x.Remove(t.Context(), scope, id)
			require.NoError(t, err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "index.db"))
		require.NoError(t, err)
		for n := range 300 {
			require.Equal(t, n >= 150, bytes.Contains(raw, fmt.Appendf(nil, "secretmarker%03d", n)), "document %d, seed %d", n, seed)
		}
	}
}

func terms(seq int, suffix string) (out []string) {
	for n := range 10 {
		out = append(out, fmt.Sprintf("%04d%s", seq*10+n, suffix))
	}
	return out
}

func TestReplacedAndDiscardedVersionsAreErased(t *testing.T) {
	t.Parallel()
	x, dir := setup(t)
	publish(t, x, secretEntry("doc", 1, 0))
	publish(t, x, entryOf("doc", 2, 0, "public"))
	require.Empty(t, leaves(t, dir))
	require.NoError(t, x.Upsert(t.Context(), scope, []ingest.Entry{secretEntry("doc", 3, 0)}))
	require.NotEmpty(t, leaves(t, dir))
	require.NoError(t, x.Discard(t.Context(), scope, "doc", 3))
	require.Empty(t, leaves(t, dir))
	require.NoError(t, x.Upsert(t.Context(), scope, []ingest.Entry{secretEntry("doc", 1, 0)}))
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 1))
	require.Empty(t, leaves(t, dir), "an older version is discarded")
}
