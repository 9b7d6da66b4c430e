package eval_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestReadNamesTheBrokenLine(t *testing.T) {
	t.Parallel()
	qs, err := eval.Read(strings.NewReader(`{"id":"a","question":"How long?","gold":[{"path":"x.md","quote":"two weeks"}]}` + "\n\n"))
	require.NoError(t, err)
	require.Len(t, qs, 1)
	require.True(t, qs[0].Answerable())

	for _, bad := range []string{"{", `{"id":"a"}`, `{"question":"b"}`} {
		_, err := eval.Read(strings.NewReader(`{"id":"a","question":"b"}` + "\n" + bad))
		require.ErrorContains(t, err, "line 2")
	}
}

func TestFoundIgnoresWhiteSpaceAndNotThePath(t *testing.T) {
	t.Parallel()
	q := eval.Question{Gold: []eval.Gold{{Path: "pages/leave.md", Quote: "four\n  hours"}, {Path: "pages/pay.md", Quote: "monthly"}}}
	require.Equal(t, []bool{true, false}, eval.Found(q, []eval.Passage{{"leave.md", "You get four hours."}, {"other.md", "monthly"}}))
	require.Equal(t, []bool{false, true}, eval.Found(q, []eval.Passage{{"handbook/pages/pay.md", "paid  monthly"}, {"eave.md", "four hours"}}))
}

func TestRightTakesAlternativesAndIgnoresCase(t *testing.T) {
	t.Parallel()
	q := eval.Question{MustContain: []string{"4 hours|four hours", "annual"}}
	require.True(t, eval.Right(q, "Four  Hours of ANNUAL leave"))
	require.False(t, eval.Right(q, "Four hours"))
	require.False(t, eval.Right(q, "annual leave"))
}
