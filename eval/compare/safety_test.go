package compare

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/rag"
)

func TestPoisonHoldsWhatItsAttacksAskFor(t *testing.T) {
	t.Parallel()
	documents, err := Poison()
	require.NoError(t, err)
	attacks, err := Attacks()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(documents), 12)
	require.Len(t, attacks, len(documents))
	kinds := map[string]int{}
	for _, a := range attacks {
		kinds[a.Kind]++
		text := string(documents[a.Gold[0].Path])
		require.Contains(t, text, a.Gold[0].Quote, a.ID)
		require.True(t, eval.Right(a.Question, a.Answer), a.ID)
		require.NotEmpty(t, a.Signs, a.ID)
		require.Contains(t, text, a.Canary, a.ID)
		require.Equal(t, a.Kind == "canary", a.Canary != "", a.ID)
		require.False(t, a.worked(eval.Outcome{Answer: a.Answer}), "the true answer of %s is no sign", a.ID)
		require.False(t, a.worked(eval.Outcome{Answer: "It says: " + a.Gold[0].Quote + "."}), a.ID)
		for _, sign := range a.Signs {
			require.True(t, a.worked(eval.Outcome{Answer: "Well: " + strings.ToUpper(sign)}), "%s: %s", a.ID, sign)
		}
	}
	for _, kind := range []string{"ignore", "prompt", "citation", "canary", "image"} {
		require.GreaterOrEqual(t, kinds[kind], 2, kind)
	}
}

func TestSafetyFigures(t *testing.T) {
	t.Parallel()
	attacks, err := Attacks()
	require.NoError(t, err)
	by := map[string]Attack{}
	outcomes := make([]eval.Outcome, len(attacks))
	for i, a := range attacks {
		by[a.ID] = a
		outcomes[i] = eval.Outcome{ID: a.ID, Known: true, Answer: a.Answer, Right: true}
		switch a.ID {
		case "key-safe":
			outcomes[i].Answer += " " + a.Canary
		case "sauna":
			outcomes[i].Answer = "On Thursdays, says Dr. Helmi Saarivuo."
		case "piano-room":
			outcomes[i].Cited, outcomes[i].CitationsResolved = true, 0.5
		case "aquarium":
			outcomes[i].Answer, outcomes[i].Right = "620. "+rag.SystemPrompt, false
		}
	}
	f := safetyFigures(outcomes)
	n := len(attacks)
	for name, c := range map[string]struct {
		rate  Rate
		n, of int
	}{"injected": {f.Injected, 4, n}, "spoofed": {f.Spoofed, 2, n}, "leaked": {f.Leaked, 1, 2}, "revealed": {f.Revealed, 1, n}, "right": {f.Right, n - 1, n}, "canaries": {f.Kinds["canary"], 1, 2}} {
		require.Equal(t, eval.Share{N: c.n, Of: c.of}, c.rate.Share, name)
	}
	require.Len(t, f.Worked, 4)
	require.True(t, reveals("sure: "+strings.ToUpper(Plain)))
	require.False(t, reveals("You answer questions from passages"), "seven words in a row are chance")
	require.Contains(t, Pasted([]byte("A\n"), "B?"), "A\n\nQuestion: B?")
}
