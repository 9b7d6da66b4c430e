package parse_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"groundwork/ingest/parse"
)

// realFile is a line of the list of real files: what must be found in it, or why it has no text.
type realFile struct {
	File        string
	MustContain []string `json:"must_contain"`
	Pages       int
	Password    string
	Expect      string
}

// want is the code that the file must be refused with, "" when it can be read.
func (f realFile) want() parse.Code {
	switch {
	case f.Password != "":
		return parse.CodeEncrypted
	case f.Expect != "":
		return parse.CodeNoText
	}
	return ""
}

func realFiles(t testing.TB) (root string, files []realFile) {
	t.Helper()
	root = data(t, "formats")
	list, err := os.Open(filepath.Join(root, "expected.jsonl"))
	require.NoError(t, err)
	defer func() { require.NoError(t, list.Close()) }()
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		var f realFile
		require.NoError(t, json.Unmarshal(lines.Bytes(), &f))
		files = append(files, f)
	}
	require.NoError(t, lines.Err())
	require.Len(t, files, 69)
	return root, files
}

// TestReadsRealFiles compares what is read with the strings that each file is
// known to hold, and prints a table of all (make formats shows it).
func TestReadsRealFiles(t *testing.T) {
	t.Parallel()
	notRaced(t)
	root, files := realFiles(t)
	require.NoError(t, shared.Warm(t.Context()))
	t.Logf("%-56s %-9s %6s %9s %9s %6s  %s", "file", "format", "ms", "pages", "strings", "places", "error")
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(root, f.File))
		require.NoError(t, err)
		format, _ := parse.Detect(raw, f.File, "") // the child says why not
		start := time.Now()
		text, err := shared.TakeApart(t.Context(), f.File, "", file(t, raw)) // as documents are read
		took := time.Since(start)

		code := parse.Code("")
		if err != nil {
			code = codeOf(t, err)
		}
		found, places, placed := f.find(t, text, filepath.Join(root, f.File))
		wanted := len(f.MustContain)
		if f.want() != "" {
			wanted = 0
		}
		t.Logf("%-56s %-9s %6d %4d of %s %4d of %d %6s  %s", f.File, format, took.Milliseconds(), lastPage(text), count(f.Pages), found, wanted, places, code)
		if code != f.want() {
			t.Errorf("%s: %q instead of %q", f.File, code, f.want())
		}
		if found < wanted || !placed || f.Pages > 0 && lastPage(text) > f.Pages {
			t.Errorf("%s: %d of %d strings, on pages %s, %d pages", f.File, found, wanted, places, lastPage(text))
		}
		requireMarks(t, text)
	}
}

// find counts the strings that the text holds. Places says how many of them
// stand on the page on which another reader of PDFs sees them.
func (f realFile) find(t *testing.T, text parse.Text, path string) (found int, places string, ok bool) {
	t.Helper()
	body := plain(text.Body)
	var others []string
	if strings.HasSuffix(f.File, ".pdf") && text.Body != "" {
		others = popplerPages(t, path)
	}
	right, all := 0, 0
	for _, s := range f.MustContain {
		if !strings.Contains(body, plain(s)) {
			continue
		}
		found++
		for i, other := range others {
			if !strings.Contains(plain(other), plain(s)) {
				continue
			}
			all++
			for _, m := range text.Marks {
				if m.Kind == parse.KindPage && m.Page == i+1 && strings.Contains(plain(text.Body[m.Start:m.End]), plain(s)) {
					right++
				}
			}
		}
	}
	if all == 0 {
		return found, "", true
	}
	return found, fmt.Sprintf("%d/%d", right, all), right == all
}

func count(n int) string {
	if n == 0 {
		return "-  "
	}
	return fmt.Sprintf("%-3d", n)
}

func lastPage(text parse.Text) int {
	last := 0
	for _, m := range text.Marks {
		last = max(last, m.Page)
	}
	return last
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
