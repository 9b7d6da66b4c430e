package tune_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/eval/tune"
)

func example(question string, docs ...tune.Document) tune.Example {
	e := tune.Example{ID: "ex_1", Question: question, Gold: tune.Origin{Path: docs[0].Path}}
	text := ""
	for _, d := range docs {
		e.Given = append(e.Given, tune.Origin{Path: d.Path})
		for _, p := range d.Passages {
			text += p.Text + "\n"
		}
	}
	e.Messages = []tune.Message{{Role: "user", Content: text + "Question: " + question}, {Role: "assistant", Content: "x"}}
	return e
}

func TestPlantedLeaksAreFound(t *testing.T) {
	t.Parallel()
	set := []tune.Set{{Name: "dev.jsonl", Questions: []eval.Question{{ID: "q1", Question: "How many days of leave may I carry over into the next year?",
		Gold: []eval.Gold{{Path: "people/leave.md", Quote: "You may carry over up to 5 days into the next leave year."}}}}}}
	copied := document("wiki/copy-of-a-page.md", "# Copy\n\nSome words before. You may carry over up to 5 days\ninto the NEXT leave year, and more.")
	meaning := func(_ context.Context, texts []string) ([][]float32, error) { // a paraphrase without a common word
		out := make([][]float32, len(texts))
		for i, text := range texts {
			out[i] = []float32{1, 0}
			if !strings.Contains(text, "carry") && !strings.Contains(text, "vacation") {
				out[i] = []float32{0, 1}
			}
		}
		return out, nil
	}
	for name, c := range map[string]struct {
		example tune.Example
		embed   tune.Embed
		kind    string
	}{
		"same document":                  {example("Who pays for lunch?", library[1]), nil, "document"},
		"same document from a folder up": {example("Who pays for lunch?", document("handbook/people/leave.md", "# X\n\ny")), nil, "document"},
		"same document as a distractor":  {example("Who pays for lunch?", library[2], library[1]), nil, "document"},
		"same passage in another file":   {example("Who pays for lunch?", copied), nil, "passage"},
		"paraphrase in other order":      {example("Into next year, how many leave days may we carry over?", library[2]), nil, "question"},
		"paraphrase in other words":      {example("What part of my vacation survives December?", library[2]), meaning, "question"},
	} {
		leaks, err := tune.Leaks(t.Context(), []tune.Example{c.example}, set, c.embed)
		require.NoError(t, err)
		kinds := []string{}
		for _, l := range leaks {
			kinds = append(kinds, l.Kind)
			require.Equal(t, "q1", l.Question)
			require.NotEmpty(t, l.String())
		}
		require.Contains(t, kinds, c.kind, name)
		require.Empty(t, tune.Without([]tune.Example{c.example}, leaks), name)
	}
	leaks, err := tune.Leaks(t.Context(), []tune.Example{example("How many seats has Elbe?", library[2])}, set, meaning)
	require.NoError(t, err)
	require.Empty(t, leaks)
}

func TestWhatIsBuiltApartDoesNotLeak(t *testing.T) {
	t.Parallel()
	set := []tune.Set{{Name: "dev", Questions: []eval.Question{
		{ID: "q1", Question: "Seats?", Gold: []eval.Gold{{Path: "office/rooms.md", Quote: "12"}}},
		{ID: "q2", Question: "Unanswerable?"},
		{ID: "q3", Question: "Lost?", Gold: []eval.Gold{{Path: "elsewhere.md", Quote: "You must report a stolen laptop to extension 4911 within one hour."}}},
	}}}
	rest, left := tune.Apart(library, set)
	require.Equal(t, []string{"it/help.md", "office/rooms.md"}, left)
	examples := build(t, tune.Options{Seed: 1}, rest...)
	leaks, err := tune.Leaks(t.Context(), examples, set, embed)
	require.NoError(t, err)
	require.Empty(t, leaks)
	leaks, err = tune.Leaks(t.Context(), build(t, tune.Options{Seed: 1}, library...), set, embed)
	require.NoError(t, err)
	require.NotEmpty(t, leaks)
}

func TestASetIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	examples := build(t, tune.Options{Seed: 1, HeldOut: 0.3}, library...)
	m, err := tune.Write(dir, examples, tune.Manifest{Store: "s", Seed: 1})
	require.NoError(t, err)
	require.Equal(t, len(examples), m.Counts["train"]+m.Counts["heldout"])
	require.Positive(t, m.Counts["heldout"])
	got, back, err := tune.Read(dir)
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.Len(t, back, len(examples))
	for _, form := range []struct{ file, has string }{
		{"trl/train.jsonl", `{"completion":[{"role":"assistant",`}, {"openai/train.jsonl", `{"messages":[{"role":"system",`},
		{"axolotl/heldout.jsonl", `{"messages":[`}, {"axolotl/config.yaml", "roles_to_train: [assistant]"}, {"train.jsonl", `"document_id":"file-`},
	} {
		raw, err := os.ReadFile(filepath.Join(dir, form.file))
		require.NoError(t, err)
		require.Contains(t, string(raw), form.has)
		require.Len(t, m.Files[form.file], 64)
	}
	again, err := tune.Write(t.TempDir(), build(t, tune.Options{Seed: 1, HeldOut: 0.3}, library...), tune.Manifest{Store: "s", Seed: 1})
	require.NoError(t, err)
	require.Equal(t, m.Data, again.Data)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "trl/train.jsonl"), []byte("{}"), 0o600))
	_, _, err = tune.Read(dir)
	require.ErrorContains(t, err, "not what the manifest says")
	_, _, err = tune.Read(t.TempDir())
	require.ErrorContains(t, err, "groundwork tune dataset")
}
