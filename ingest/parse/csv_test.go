package parse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

func TestCSVIsOneTableOfItsSource(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, body, label string }{
		"commas":                {"City,Night\nHamburg,165\n", "City,Night\nHamburg,165\n", "City | Night"},
		"semicolons":            {"Stadt;Preis\nKöln;1,50\nBonn;2,50\n", "Stadt;Preis\nKöln;1,50\nBonn;2,50\n", "Stadt | Preis"},
		"tabs":                  {"a b\tc\n1\t2\n", "a b\tc\n1\t2\n", "a b | c"},
		"bars":                  {"a|b\n1|2\n", "a|b\n1|2\n", "a | b"},
		"commas in quotes":      {"\"A,A\",\"B\"\n1,2\n", "\"A,A\",\"B\"\n1,2\n", "A,A | B"},
		"line ends in quotes":   {"a,b\n\"one\r\ntwo \"\"x\"\"\n\nthree\",2\n3,4\n", "a,b\n\"one two \"\"x\"\"  three\",2\n3,4\n", "a | b"},
		"the delimiter named":   {"sep=;\na;b\n1;2\n", "a;b\n1;2\n", "a | b"},
		"no row of names":       {"1,2\n3,4\n", "1,2\n3,4\n", ""},
		"years are names":       {"city,2023,2024\nBonn,1,2\n", "city,2023,2024\nBonn,1,2\n", "city | 2023 | 2024"},
		"another width of some": {"a,b\n1,2\n3,4\n5\n6,7\n", "a,b\n1,2\n3,4\n5\n6,7\n", "a | b"},
	} {
		text := read(t, "a.csv", "", []byte(c.in))
		require.Equal(t, c.body, text.Body, name)
		require.Len(t, text.Marks, 1, name)
		require.Equal(t, parse.Mark{Kind: parse.KindTable, Start: 0, End: len(c.body) - 1, Label: c.label}, text.Marks[0], name)
	}
}

func TestAStrayQuoteTakesNothingWithIt(t *testing.T) {
	t.Parallel()
	const in = "a,b\n\"open,2\n3,4\n5,6\n7,8\n"
	require.Equal(t, in, read(t, "a.csv", "", []byte(in)).Body)
}

func TestCSVOfOneColumnIsText(t *testing.T) {
	t.Parallel()
	text := read(t, "a.csv", "", []byte("name\nx\ny\n"))
	require.Empty(t, text.Marks)
	require.Equal(t, "name\nx\ny\n", text.Body)
}
