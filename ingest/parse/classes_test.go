package parse_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
	"groundwork/ingest/parse/parsetest"
)

// sampleOf is how many files of a class the usual run takes; make faults takes all.
const sampleOf = 4

// TestClassesOfHostileFiles gives each file to a child: it ends within the
// limits with a text or a code, has read nothing else, and the next good file is read.
func TestClassesOfHostileFiles(t *testing.T) {
	t.Parallel()
	notRaced(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("what nobody may read"), 0o600))
	step := parsetest.PerClass / sampleOf
	if os.Getenv("GROUNDWORK_FAULTS") == "1" {
		step = 1
	}
	require.NoError(t, shared.Warm(t.Context()))
	for _, class := range parsetest.Classes {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			codes, slowest := map[parse.Code]int{}, time.Duration(0)
			for i := 0; i < parsetest.PerClass; i += step {
				f := parsetest.Hostile(class, (i*7+len(class))%parsetest.PerClass, secret)
				start := time.Now()
				read := shared.Parse
				if i/step%2 == 1 { // as the server does
					read = shared.TakeApart
				}
				text, err := read(t.Context(), f.Name, "", file(t, f.Data))
				slowest = max(slowest, time.Since(start))
				code := parse.Code("read")
				if err != nil {
					code = codeOf(t, err)
				}
				codes[code]++
				requireMarks(t, text)
				require.NotContains(t, text.Body+text.Title, "nobody may read", f.Name)
			}
			text, err := shared.Parse(t.Context(), "a.docx", "", file(t, docx(t, `<w:p><w:r><w:t>A good file.</w:t></w:r></w:p>`, nil)))
			require.NoError(t, err)
			require.Equal(t, "A good file.", text.Body)
			t.Logf("%-10s %v, the slowest took %s", class, codes, slowest.Round(time.Millisecond))
			var u, own syscall.Rusage
			require.NoError(t, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u))
			require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &own))
			require.LessOrEqual(t, u.Maxrss*1024, max(limits().Memory, own.Maxrss*1024), "the largest child so far; one counts as large as this process until it runs its program")
			require.Less(t, slowest, limits().Wall+30*time.Second)
		})
	}
}
