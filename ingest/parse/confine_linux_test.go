package parse_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAChildCannotBreakOut(t *testing.T) {
	t.Parallel()
	text, err := runner("break", limits()).Parse(t.Context(), "a.txt", "", file(t, []byte("x")))
	require.NoError(t, err)
	require.Equal(t, "nothing", text.Body)
}
