package llm

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// read reads a stream to its end; text is that of all its events, handed how
// many of them there were.
func read(t *testing.T, body io.Reader) (text string, handed int, rest []string, err error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	x := &exchange{words: newSpeaker(kindChat), patience: newPatience(cancel, time.Minute, time.Minute)}
	got, err := io.ReadAll(newStream(x, ctx, io.NopCloser(body)))
	for line := range strings.Lines(string(got)) {
		payload, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok {
			continue
		}
		var e event
		if json.Unmarshal([]byte(payload), &e) == nil && len(e.Choices) > 0 && e.Choices[0].Delta.Content != "" {
			text += e.Choices[0].Delta.Content
			handed++
			continue
		}
		rest = append(rest, payload)
	}
	return text, handed, rest, err
}

func delta(text string) string {
	return `data: {"choices":[{"delta":{"content":"` + text + `"}}]}` + "\n\n"
}

const (
	finishEvent = `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	usageEvent  = `data: {"choices":[],"usage":{"prompt_tokens":7}}` + "\n\n"
	doneLine    = "data: [DONE]\n\n"
)

func TestPiecesThatHaveComeGoTogether(t *testing.T) {
	t.Parallel()
	sent := delta("Ten") + delta(" \\\"days\\\"") + ": ping\n\n" + delta(" a year") + delta(".") + finishEvent + usageEvent + doneLine
	text, handed, rest, err := read(t, strings.NewReader(sent))
	require.NoError(t, err)
	require.Equal(t, `Ten "days" a year.`, text)
	require.Equal(t, 2, handed, "a comment ends a run")
	require.Equal(t, []string{
		`{"choices":[{"delta":{},"finish_reason":"stop"}]}`, `{"choices":[],"usage":{"prompt_tokens":7}}`, "[DONE]",
	}, rest)
}

// pieceByPiece gives one write of the server for each read.
type pieceByPiece []string

func (p *pieceByPiece) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	*p = (*p)[1:]
	return n, nil
}

func TestPiecesThatComeOneByOneStayApart(t *testing.T) {
	t.Parallel()
	body := &pieceByPiece{delta("Ten"), delta(" days"), `data: {"choices":[{"delta":{"content":" a`, ` year"}}]}` + "\n\n", finishEvent, doneLine}
	text, handed, _, err := read(t, body)
	require.NoError(t, err)
	require.Equal(t, "Ten days a year", text)
	require.Equal(t, 3, handed)
}

func TestAFaultAmongPiecesComesAfterThoseBeforeIt(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{
		"malformed":   "data: {\"choices\":[{\n\n",
		"error event": `data: {"error":{"message":"out of memory"}}` + "\n\n",
		"error line":  `error: {"message":"out of memory"}` + "\n\n",
		"no UTF-8":    delta("\xff"),
		"finish":      `data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}` + "\n\n",
		"too long":    delta(strings.Repeat("x", maxLine)),
	} {
		text, _, _, err := read(t, strings.NewReader(delta("a")+delta("b")+fault+delta("c")+finishEvent+doneLine))
		require.Error(t, err, name)
		require.Equal(t, "ab", text, name)
	}
}

func TestOnlyPlainPiecesAreJoined(t *testing.T) {
	t.Parallel()
	for _, other := range []string{
		`{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":7}}`,
		`{"choices":[{"delta":{"content":"x","reasoning_content":"y"}}]}`,
		`{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}`,
		`{"choices":[{"delta":{"content":"x"}},{"delta":{"content":"y"}}]}`,
	} {
		text, handed, _, err := read(t, strings.NewReader(delta("a")+delta("b")+"data: "+other+"\n\n"))
		require.NoError(t, err)
		require.Equal(t, "abx", text)
		require.Equal(t, 2, handed, other)
	}
}
