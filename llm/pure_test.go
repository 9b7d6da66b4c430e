package llm

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzSplit: what was joined with separators is measured text by text, as long
// as no text holds the separator itself.
func FuzzSplit(f *testing.F) {
	f.Add([]byte{5, 0, 255, 0, 0, 255, 255, 7})
	f.Add([]byte{0, 255, 1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var joined, want []int
		n := 0
		for _, b := range data {
			if b == 255 {
				joined, want, n = append(joined, separator...), append(want, n), 0
				continue
			}
			joined, n = append(joined, int(b)), n+1
		}
		want = append(want, n)
		for _, text := range strings.Split(string(data), "\xff") {
			if strings.Contains(text, "\x00\x00\x01") {
				require.Greater(t, len(split(joined)), len(want), "a text with the separator must be noticed")
				return
			}
		}
		require.Equal(t, want, split(joined))
	})
}

// FuzzStream: whatever a server sends, a reply counts only with an end, and
// everything before an error is handed on unchanged.
func FuzzStream(f *testing.F) {
	f.Add("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"error\":{\"message\":\"no\"}}\n\n: ping\n\nerror: {\"a\":1}\n")
	f.Add("data: {\"choices\":[{\"finish_reason\":\"tool_calls\"}]}\r\ndata:[DONE]")
	f.Fuzz(func(t *testing.T, sent string) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		x := &exchange{words: newSpeaker(kindChat), patience: newPatience(cancel, time.Minute, time.Minute)}
		s := newStream(x, ctx, io.NopCloser(strings.NewReader(sent)))
		got, readErr := io.ReadAll(s)
		_, verdict := x.outcome(ctx)
		if verdict == nil {
			require.NoError(t, readErr)
			require.Contains(t, sent, "[DONE]")
			require.Contains(t, sent, "finish_reason")
		}
		for line := range strings.Lines(string(got)) {
			if line != "\n" && !strings.HasPrefix(line, joinedEvent) {
				require.Contains(t, sent, line)
			}
		}
	})
}

func TestEstimateIsOnTheHighSide(t *testing.T) {
	t.Parallel()
	// Counted with the tokenizer of Qwen 2.5.
	for text, tokens := range map[string]int{
		"hello world":         2,
		"abc def <|im_end|>":  4,
		"!!!!! !!\" hello! !": 6,
		"The storeroom of the harbour office is open on weekdays from seven in the morning until four in the afternoon.": 23,
		"On 2024-01-15 the fee was 1,250.00 EUR.": 26,
		"日本語": 2,
	} {
		require.GreaterOrEqual(t, estimate(text), tokens, text)
		require.LessOrEqual(t, estimate(text), 3*tokens+2, text)
	}
	require.Zero(t, estimate(""))
}

func TestShortQuantisation(t *testing.T) {
	t.Parallel()
	for long, short := range map[string]string{"Q4_K - Medium": "Q4_K_M", "Q5_K - Small": "Q5_K_S", "Q8_0": "Q8_0", "": "", "odd - ": "odd - "} {
		require.Equal(t, short, shortQuantisation(long))
	}
}
