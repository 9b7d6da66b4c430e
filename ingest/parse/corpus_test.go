package parse_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"groundwork/ingest/parse"
)

// TestReadsRealFiles compares what is read with the strings that each file is known to hold.
func TestReadsRealFiles(t *testing.T) {
	t.Parallel()
	notRaced(t)
	root := data(t, "formats")
	list, err := os.Open(filepath.Join(root, "expected.jsonl"))
	require.NoError(t, err)
	defer func() { require.NoError(t, list.Close()) }()
	seen := 0
	for lines := bufio.NewScanner(list); lines.Scan(); {
		var want struct {
			File        string
			MustContain []string `json:"must_contain"`
			Pages       int
			Password    string
			Expect      string
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &want))
		kind, _, _ := strings.Cut(want.File, "/")
		f, err := os.Open(filepath.Join(root, want.File))
		require.NoError(t, err)
		text, err := shared.Parse(t.Context(), want.File, "", f)
		require.NoError(t, f.Close())
		seen++

		switch {
		case want.Password != "":
			require.Equal(t, parse.CodeEncrypted, codeOf(t, err), want.File)
		case kind == "eml":
			require.Equal(t, parse.CodeUnsupported, codeOf(t, err), want.File)
		case want.Expect != "":
			require.Equal(t, parse.CodeNoText, codeOf(t, err), want.File)
		default:
			require.NoError(t, err, want.File)
			body := plain(text.Body)
			for _, s := range want.MustContain {
				require.Contains(t, body, plain(s), want.File)
			}
			requireMarks(t, text)
			for _, m := range text.Marks {
				require.LessOrEqual(t, m.Page, max(want.Pages, 0), want.File)
			}
		}
	}
	require.Equal(t, 69, seen)
}

var (
	spaces = regexp.MustCompile(`\s+`)
	cut    = regexp.MustCompile(`(\pL)-\s*\n\s*(\pL)`)
)

// plain is how texts are compared: NFKC, single spaces, no soft hyphens, words
// that a line end cut in two joined.
func plain(s string) string {
	s = cut.ReplaceAllString(strings.ReplaceAll(norm.NFKC.String(s), "\u00AD", ""), "$1$2")
	return strings.TrimSpace(spaces.ReplaceAllString(s, " "))
}

// requireMarks holds a text against what its type promises.
func requireMarks(t *testing.T, text parse.Text) {
	t.Helper()
	last := 0
	for _, m := range text.Marks {
		require.LessOrEqual(t, last, m.Start)
		require.Less(t, m.Start, m.End)
		require.LessOrEqual(t, m.End, len(text.Body))
		require.True(t, strings.ToValidUTF8(text.Body[m.Start:m.End], "") == text.Body[m.Start:m.End], "a mark cuts a character")
		last = m.Start
		if m.Kind == parse.KindHeading {
			require.NotEmpty(t, m.Label)
			require.True(t, m.Level >= 1 && m.Level <= 6)
		}
	}
}
