package parse_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

// popplerPages is what pdftotext, the other widely used reader of PDFs, finds
// on each page; nothing where it is not installed.
func popplerPages(t testing.TB, path string) []string {
	t.Helper()
	if !hasPdftotext(t) {
		return nil
	}
	out, err := pdftotext(t.Context(), path)
	require.NoError(t, err)
	pages := strings.Split(out, "\f")
	return pages[:len(pages)-1]
}

func hasPdftotext(t testing.TB) bool {
	t.Helper()
	_, err := exec.LookPath("pdftotext")
	if err != nil && os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
		t.Fatal("pdftotext is missing (apt-get install poppler-utils); make test-setup installs it where it may")
	}
	return err == nil
}

func pdftotext(ctx context.Context, path string) (string, error) {
	out, err := exec.CommandContext(ctx, "pdftotext", "-q", path, "-").Output()
	return string(out), err
}

// TestFindsTheWordsThatPdftotextFinds compares all PDFs with a text layer, word
// by word: as they stand, and with other gaps between the same letters, since
// the two readers see formulas differently. It also compares the processor time
// that both take, one process a file, whatever else this machine does: with the
// start of our process, and without it, as it is when a child waits.
func TestFindsTheWordsThatPdftotextFinds(t *testing.T) {
	notRaced(t)
	if !hasPdftotext(t) {
		t.Skip("pdftotext is missing: apt-get install poppler-utils")
	}
	root, files := realFiles(t)
	r := runner("child", limits())
	r.Ahead = time.Minute
	defer r.Close()
	require.NoError(t, r.Warm(t.Context()))
	start := startTime(t)
	var sum, long compared
	read := 0
	t.Logf("%-56s %6s %8s %8s %7s %9s", "file", "words", "found", "joined", "ms", "pdftotext")
	for _, f := range files {
		if !strings.HasSuffix(f.File, ".pdf") || f.want() != "" {
			continue
		}
		c := compare(t, r, filepath.Join(root, f.File))
		c.pages = f.Pages
		sum.add(c)
		read++
		if c.pages >= 100 {
			long.add(c)
		}
		t.Logf("%-56s %s", f.File, c)
		if c.joined*100 < c.words*99 {
			t.Errorf("%s: %d of %d words", f.File, c.joined, c.words)
		}
	}
	t.Logf("%-56s %s", "all", sum)
	t.Logf("of this, the start of a child takes %d ms", start.Milliseconds())
	waited := sum.ours - time.Duration(read)*start
	t.Logf("pages per second of one core, all files: %.0f here, %.0f by pdftotext; %.0f by children that wait", sum.rate(sum.ours), sum.rate(sum.theirs), sum.rate(waited))
	t.Logf("pages per second of one core, files of 100 pages and more: %.0f here, %.0f by pdftotext", long.rate(long.ours), long.rate(long.theirs))
	// Busy neighbours cost the one more than the other at times.
	if waited*4 > sum.theirs*5 || long.ours*4 > long.theirs*5 {
		t.Error("pdftotext is faster")
	}
	if sum.found*100 < sum.words*99 {
		t.Errorf("%d of %d words", sum.found, sum.words)
	}
}

type compared struct {
	pages, words, found, joined int
	ours, theirs                time.Duration // of a processor
}

func (c *compared) add(d compared) {
	c.pages, c.words, c.found, c.joined = c.pages+d.pages, c.words+d.words, c.found+d.found, c.joined+d.joined
	c.ours, c.theirs = c.ours+d.ours, c.theirs+d.theirs
}

func (c compared) rate(took time.Duration) float64 { return float64(c.pages) / took.Seconds() }

func (c compared) String() string {
	percent := func(n int) float64 { return 100 * float64(n) / float64(max(c.words, 1)) }
	return fmt.Sprintf("%6d %7.2f%% %7.2f%% %7d %9d", c.words, percent(c.found), percent(c.joined), c.ours.Milliseconds(), c.theirs.Milliseconds())
}

// startTime is what it takes to start a child with its PDF reader, in the mean.
func startTime(t *testing.T) time.Duration {
	t.Helper()
	const starts = 10
	before := childTime(t)
	for range starts {
		require.NoError(t, runner("child", limits()).Warm(t.Context()))
	}
	return (childTime(t) - before) / starts
}

func compare(t *testing.T, r *parse.Runner, path string) (c compared) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	doc := file(t, raw)
	before := childTime(t)
	text, err := r.Parse(t.Context(), path, "", doc)
	require.NoError(t, err, path)
	c.ours = childTime(t) - before
	before = childTime(t)
	other, err := pdftotext(t.Context(), path)
	require.NoError(t, err)
	c.theirs = childTime(t) - before

	have := map[string]int{}
	for _, w := range wordsOf(text.Body) {
		have[w]++
	}
	pages := map[int]string{}
	for _, m := range text.Marks {
		if m.Kind == parse.KindPage {
			pages[m.Page] = strings.Join(wordsOf(text.Body[m.Start:m.End]), "")
		}
	}
	for i, page := range strings.Split(other, "\f") {
		for _, w := range wordsOf(page) {
			c.words++
			switch {
			case have[w] > 0:
				have[w]--
				c.found++
				c.joined++
			case strings.Contains(pages[i+1], w):
				c.joined++
			}
		}
	}
	return c
}

// childTime is what the children of this process have used so far.
func childTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(plain(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
