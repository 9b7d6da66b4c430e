package llm

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLinesOfAllLengths(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 4094, 4095, 4096, 4097, 9000, maxLine - 1} {
		sent := strings.Repeat("a", n) + "\n"
		l := newLines(strings.NewReader("first\n" + sent + "rest"))
		for _, want := range []string{"first\n", sent} {
			line, err := l.next()
			require.NoError(t, err, n)
			require.Equal(t, want, string(line))
		}
		line, err := l.next()
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, "rest", string(line))
	}
}

// What was read of a line that is too long comes with the error, so that
// whoever hands it on hands on a line that is too long.
func TestALineThatIsTooLongStaysTooLong(t *testing.T) {
	t.Parallel()
	for _, n := range []int{maxLine, maxLine + 1, maxLine + 5000, 10 << 20} {
		sent := "data: " + strings.Repeat("a", n) + "\n"
		l := newLines(strings.NewReader(sent))
		line, err := l.next()
		require.ErrorIs(t, err, bufio.ErrBufferFull)
		require.Greater(t, len(line), maxLine)
		rest, readErr := io.ReadAll(l.r)
		require.NoError(t, readErr)
		require.Equal(t, sent, string(line)+string(rest))
	}
}

func TestLinesGiveTheErrorOfReading(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	l := newLines(io.MultiReader(strings.NewReader(strings.Repeat("b", 5000)), failing{gone}))
	line, err := l.next()
	require.ErrorIs(t, err, gone)
	require.Len(t, line, 5000)
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }
