package parse_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
