package rag

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func sourcesOf(names string) []Source {
	var out []Source
	for _, name := range strings.Fields(names) {
		out = append(out, Source{Passage: Passage{ChunkID: name, End: 9}})
	}
	return out
}

func namesOf(t *testing.T, sources []Source) string {
	t.Helper()
	names := make([]string, len(sources))
	for i, s := range sources {
		require.Equal(t, i+1, s.Index)
		names[i] = s.Passage.ChunkID
	}
	return strings.Join(names, " ")
}

func TestPassagesThatTheServerHasReadComeFirst(t *testing.T) {
	t.Parallel()
	var o orders
	for _, step := range []struct{ best, order, why string }{
		{"a b c", "a b c", "nothing is known: best first"},
		{"c b a", "a b c", "the same passages stand as they stood"},
		{"c a d", "a c d", "only a was read from the beginning"},
		{"b c a d", "a c d b", "the longest known beginning, the newest of equals"},
		{"b c", "b c", "no prompt began with b or c"},
		{"a b c", "a b c", "still known"},
		{"x", "x", "one passage has one order"},
	} {
		require.Equal(t, step.order, namesOf(t, o.arrange(sourcesOf(step.best))), step.why)
	}
	narrowed := sourcesOf("c b a")
	narrowed[2].Passage.End = 5
	require.Equal(t, "b c a", namesOf(t, o.arrange(narrowed)), "another stretch of a is another text, and b c was read")
}

func TestFewOrdersAreRemembered(t *testing.T) {
	t.Parallel()
	var o orders
	var wait sync.WaitGroup
	for n := range 10 * keptOrders {
		wait.Go(func() {
			o.arrange(sourcesOf(fmt.Sprintf("a%d b%d", n, n)))
			o.arrange(sourcesOf(fmt.Sprintf("b%d a%d", n, n)))
		})
	}
	wait.Wait()
	require.Len(t, o.recent, keptOrders)
}
