package deploytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hadolint parses the Dockerfile and checks it; `make test-setup` fetches it.
func TestDockerfile(t *testing.T) {
	bin := filepath.Join(root, ".tools/hadolint/bin/hadolint")
	if _, err := os.Stat(bin); err != nil {
		const why = "no hadolint here: run `make test-setup`"
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	out, err := exec.Command(bin, "--no-color", filepath.Join(root, "Dockerfile")).CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestImagesAreStaticPinnedAndNotRoot(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	text := string(raw)
	require.Regexp(t, `CGO_ENABLED=0 go build -trimpath`, text)
	stages := regexp.MustCompile(`(?m)^FROM (\S+) AS (\S+)$`).FindAllStringSubmatchIndex(text, -1)
	require.Len(t, stages, 3)
	for i, at := range stages {
		end := len(text)
		if i+1 < len(stages) {
			end = stages[i+1][0]
		}
		image, name, body := text[at[2]:at[3]], text[at[4]:at[5]], text[at[1]:end]
		if image != "scratch" {
			require.Regexp(t, `:[0-9]+\.[0-9]+\.[0-9]+-`, image, "pinned to a version")
		}
		if name == "build" {
			continue
		}
		require.Contains(t, body, "\nUSER 10001:10001\n", name)
		require.Contains(t, body, "\nHEALTHCHECK ", name)
		require.Contains(t, body, `ENTRYPOINT ["groundwork"]`, name)
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(string(gomod))[1]
	require.Contains(t, text, "FROM golang:"+version+"-", "the Go of go.mod")
}

// What go:embed takes must reach the build, secrets must not.
func TestDockerignore(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	require.NoError(t, err)
	lines := strings.Split(string(raw), "\n")
	require.Contains(t, lines, "*", "everything stays out that is not named")
	require.NotContains(t, string(raw), "!secrets")
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, e := range entries {
		goFiles, err := filepath.Glob(filepath.Join(root, e.Name(), "*.go"))
		require.NoError(t, err)
		if e.IsDir() && len(goFiles) > 0 {
			require.Contains(t, lines, "!"+e.Name())
		}
	}
}
