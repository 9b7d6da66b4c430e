package parse_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

func recognising(command ...string) *parse.Runner {
	r := runner("child", limits())
	r.OCR = parse.OCR{Command: command, Wall: 3 * time.Minute, DPI: 150}
	return r
}

func TestScansAreRecognised(t *testing.T) {
	t.Parallel()
	notRaced(t)
	tesseract, err := exec.LookPath("tesseract")
	if err != nil {
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			t.Fatal("tesseract is missing (apt-get install tesseract-ocr); make test-setup installs it where it may")
		}
		t.Skip("tesseract is missing: apt-get install tesseract-ocr")
	}
	root, files := realFiles(t)
	for _, f := range files {
		if f.Expect != "no_text_layer" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(root, f.File))
		require.NoError(t, err)
		text, err := recognising(tesseract, "stdin", "stdout", "-l", "eng").Parse(t.Context(), f.File, "", file(t, raw))
		require.NoError(t, err)
		requireMarks(t, text)
		for _, s := range f.MustContain {
			require.Contains(t, plain(text.Body), plain(s))
		}
		require.Equal(t, f.Pages, lastPage(text))
	}
}

// empty is a page without text, as a scan is.
func empty() []byte { return onePage("0 0 100 100 re f", "") }

func TestTheProgramThatRecognisesIsConfined(t *testing.T) {
	t.Parallel()
	notRaced(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	const script = `read x < "$0" && echo "$x"; echo x > /tmp/parse-broke-out && echo wrote; read head; echo "input ${head%% *}, home ${#HOME}"; (echo forked)`
	_, err := recognising("/bin/sh", "-c", script, secret).Parse(t.Context(), "a.pdf", "", file(t, empty()))
	require.ErrorContains(t, err, "exit status", "the shell may not make another process")

	text, err := recognising("/bin/sh", "-c", strings.TrimSuffix(script, "; (echo forked)"), secret).Parse(t.Context(), "a.pdf", "", file(t, empty()))
	require.NoError(t, err)
	require.Equal(t, "input P5, home 0", text.Body)
}

func TestAScanInWhichNothingIsFoundHasNoText(t *testing.T) {
	t.Parallel()
	notRaced(t)
	_, err := recognising("/bin/true").Parse(t.Context(), "a.pdf", "", file(t, empty()))
	require.Equal(t, parse.CodeNoText, codeOf(t, err))
}

func TestAMissingProgramIsNotTheDocumentsFault(t *testing.T) {
	t.Parallel()
	notRaced(t)
	_, err := recognising(filepath.Join(t.TempDir(), "nothing")).Parse(t.Context(), "a.pdf", "", file(t, empty()))
	require.ErrorContains(t, err, "text recognition")
	var e *parse.Error
	require.NotErrorAs(t, err, &e)
}
