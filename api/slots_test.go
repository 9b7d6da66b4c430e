package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestSlots(t *testing.T) {
	t.Parallel()
	s := newSlots(3, 2)
	require.NoError(t, s.full(""))
	a, err := s.take("a")
	require.NoError(t, err)
	b, err := s.take("a")
	require.NoError(t, err)
	require.Equal(t, codeRate, rag.CodeOf(s.full("a")), "a key has two")
	require.NoError(t, s.full("b"))
	require.NoError(t, s.full("b"), "looking takes nothing")
	c, err := s.take("")
	require.NoError(t, err)
	require.Equal(t, codeRate, rag.CodeOf(s.full("")))
	_, err = s.take("b")
	require.Equal(t, codeRate, rag.CodeOf(err))
	for _, release := range []func(){a, b, c} {
		release()
	}
	require.NoError(t, s.full("a"))
	require.Empty(t, s.byKey["a"])
}
