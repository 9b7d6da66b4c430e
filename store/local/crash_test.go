package local_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
)

// childDir tells the test binary to be the process that gets killed.
const childDir = "GROUNDWORK_LOCAL_CRASH_DIR"

var crashOptions = local.Options{Dimensions: 4, Fingerprint: "crash"}

// TestKilled kills a writing process again and again: what it had confirmed is
// there afterwards, every document whole, text and vectors alike.
func TestKilled(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(childDir); dir != "" {
		writeForEver(dir)
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(7, 7))
	confirmed := map[string]int{}
	for round := range 6 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for left := 2 + r.IntN(12); left > 0 && lines.Scan(); left-- {
			document, version, ok := strings.Cut(lines.Text(), " ")
			require.True(t, ok, lines.Text())
			confirmed[document], err = strconv.Atoi(version)
			require.NoError(t, err)
		}
		require.NoError(t, child.Process.Kill())
		require.Error(t, child.Wait())
		x, err := local.Open(t.Context(), dir, crashOptions)
		require.NoError(t, err)
		for document, version := range confirmed {
			got := text(t, x, document)
			require.Len(t, got, chunksOf(versionOf(got[0].ChunkID)), "round %d", round)
			require.GreaterOrEqual(t, versionOf(got[0].ChunkID), version)
		}
		words := text(t, x, "every")
		dense, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 10_000)
		require.NoError(t, err)
		require.ElementsMatch(t, idsOf(words), idsOf(dense))
		require.NoError(t, x.Close())
	}
	require.NotEmpty(t, confirmed)
}

func idsOf(hits []rag.Hit) (out []string) {
	for _, h := range hits {
		out = append(out, h.ChunkID)
	}
	return out
}

func versionOf(chunk string) int {
	version, err := strconv.Atoi(strings.Split(chunk, "/")[1])
	if err != nil {
		panic(err)
	}
	return version
}

func chunksOf(version int) int { return 1 + version%7 }

// writeForEver publishes version after version, and prints what is confirmed.
func writeForEver(dir string) {
	ctx := context.Background()
	x, err := local.Open(ctx, dir, crashOptions)
	if err != nil {
		panic(err)
	}
	for version := x.Generation(); ; version++ {
		document := fmt.Sprintf("doc%d", version%3)
		entries := make([]ingest.Entry, chunksOf(version))
		for seq := range entries {
			entries[seq] = entryOf(document, version, seq, "every", document)
		}
		if err := x.Upsert(ctx, scope, entries); err != nil {
			panic(err)
		}
		if err := x.Publish(ctx, scope, document, version); err != nil {
			panic(err)
		}
		fmt.Println(document, version)
	}
}
