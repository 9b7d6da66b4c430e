package rag

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingIsCountedWhenBytesFit(t *testing.T) {
	t.Parallel()
	ranked := []Ranked{{Passage: Passage{ChunkID: "a", Text: strings.Repeat("x", 300)}, Score: 0.9}, {Passage: Passage{ChunkID: "b", Text: "y"}}}
	frame := "user\nWhat?\n"
	need := atMost(frame)
	for i, r := range ranked {
		need += atMost(passageText(i+1, r.Passage))
	}
	sources, ok := fitsUncounted(ranked, frame, need)
	require.True(t, ok)
	require.Equal(t, []Source{{Index: 1, Passage: ranked[0].Passage, Score: 0.9}, {Index: 2, Passage: ranked[1].Passage}}, sources)
	_, ok = fitsUncounted(ranked, frame, need-1)
	require.False(t, ok, "one byte too many may be one token too many")
	_, ok = fitsUncounted(ranked[1:], frame, atMost(frame)+minPassage-1)
	require.False(t, ok, "too little room for any passage is an error that the exact way reports")
}
