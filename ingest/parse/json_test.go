package parse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

func TestJSONOfOneLongLineIsIndented(t *testing.T) {
	t.Parallel()
	text := read(t, "a.json", "", []byte(`{"a": {"b": [`+strings.Repeat("1,", 500)+`1]}}`))
	require.True(t, strings.HasPrefix(text.Body, "{\n  \"a\": {\n    \"b\": [\n"), text.Body[:30])
	require.Len(t, text.Marks, 2)
	require.Equal(t, "b", text.Marks[1].Label)
}

func TestJSONLinesStayLines(t *testing.T) {
	t.Parallel()
	const in = "{\"a\": 1}\n\n{\"a\": 2}\n"
	text := read(t, "a.jsonl", "", []byte(in))
	require.Equal(t, parse.Text{Body: in, Marks: []parse.Mark{{Kind: parse.KindTable, Start: 0, End: len(in) - 1}}}, text)
}
