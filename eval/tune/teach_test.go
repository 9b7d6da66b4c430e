package tune_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/tune"
)

func TestATeachersAnswersAreCheckedAndMarked(t *testing.T) {
	t.Parallel()
	before := build(t, tune.Options{Seed: 1}, library...)
	quiet := func(int, int) {}
	last := func(e tune.Example) string { return e.Messages[len(e.Messages)-1].Content }
	grounded := 0
	// the teacher says the document's words, which must stand in the prompt, and a mark of its own
	after, err := tune.Teach(t.Context(), before, "large", func(_ context.Context, m []tune.Message) (string, error) {
		require.NotEqual(t, "assistant", m[len(m)-1].Role, "it does not see the answer")
		for _, e := range before {
			if e.Kind == tune.Grounded && e.Messages[0] == m[0] && e.Messages[len(m)-1] == m[len(m)-1] {
				grounded++
				plain, _, _ := strings.Cut(e.Answer, " [")
				return "According to the passages, " + plain + " [7].", nil
			}
		}
		return "", errors.New("somebody else was asked")
	}, quiet)
	require.NoError(t, err)
	require.Positive(t, grounded)
	taught := 0
	for i, e := range after {
		require.Equal(t, before[i].Question, e.Question)
		if e.Teacher == "" {
			require.Equal(t, before[i], e)
			continue
		}
		taught++
		require.Equal(t, tune.Grounded, e.Kind)
		require.Equal(t, "large", e.Teacher)
		require.Equal(t, e.Answer, last(e))
		require.NotContains(t, e.Answer, "[7]")
		require.Regexp(t, `\[\d\]\.$`, e.Answer)
		require.NotContains(t, e.Answer, "According")
	}
	require.Greater(t, taught, grounded/2)

	for _, reply := range []string{"", "Yes", "It costs 98765 dollars.", "The passage says nothing about it.", "I do not know that. Ask your manager about it.", strings.Repeat("long ", 100) + "."} {
		after, err = tune.Teach(t.Context(), before, "large", func(context.Context, []tune.Message) (string, error) { return reply, nil }, quiet)
		require.NoError(t, err)
		require.Equal(t, before, after, "%q is not learnt", reply)
	}
	_, err = tune.Teach(t.Context(), before, "large", func(context.Context, []tune.Message) (string, error) { return "", errors.New("away") }, quiet)
	require.ErrorContains(t, err, "away")
}
