package tune_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/tune"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

// document cuts text into passages at blank lines that stand before a heading.
func document(path, text string) tune.Document {
	d := tune.Document{ID: "file-" + path, Path: path, Version: 2}
	title := strings.TrimPrefix(strings.SplitN(text, "\n", 2)[0], "# ")
	for i, part := range strings.Split(text, "\n\n## ") {
		heading := []string{title}
		if i > 0 {
			heading = append(heading, strings.SplitN(part, "\n", 2)[0])
			part = "## " + part
		}
		d.Passages = append(d.Passages, rag.Passage{ChunkID: fmt.Sprintf("%s-%d", path, i), DocumentID: d.ID, Filename: path, Seq: i,
			Heading: heading, Header: strings.Join(heading, " › "), Text: part})
	}
	return d
}

var library = []tune.Document{
	document("it/help.md", `# Help desk

You must report a stolen laptop to extension 4911 within one hour.

## Opening hours

The desk in Hamburg is open on Wednesdays from 10:00 to 12:00.

- Phone: extension 4700, on working days
- Owner: Katrin Saar

## Priorities

| Priority | First answer | Solved within |
| --- | --- | --- |
| P1 | 15 minutes | 4 hours |
| P2 | 1 hour | 1 working day |

If a printer stops working, restart it and write to the desk with the number on its label.`),
	document("people/leave.md", `# Leave

You may carry over up to 5 days into the next leave year.

## Sick leave

From the fourth calendar day the company needs a certificate from a doctor. Managers must answer requests for leave within five working days.

## Bonus

Bonus days cannot be paid out after the leave year. RPO means the amount of work that may be lost.`),
	document("office/rooms.md", `# Rooms

| Room | Site | Seats |
| --- | --- | --- |
| Elbe | Hamburg | 12 |
| Pihlaja | Tampere | 2 |

## Visitors

Visitors must wear a badge in the building. Badges should be returned before 18:00.`),
}

func embed(_ context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	for i, t := range texts {
		out[i] = llmtest.Vector(t, 384)
	}
	return out, nil
}

func build(t *testing.T, opt tune.Options, docs ...tune.Document) []tune.Example {
	t.Helper()
	opt.Embed = embed
	examples, err := tune.Build(t.Context(), docs, opt)
	require.NoError(t, err)
	return examples
}

func TestExamplesLookLikeWhatTheServerAsks(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for _, d := range library {
		for _, p := range d.Passages {
			texts[p.ChunkID] = p.Text
		}
	}
	kinds, places := map[tune.Kind]int{}, map[string]int{}
	for seed := range uint64(8) {
		for _, e := range build(t, tune.Options{Seed: seed}, library...) {
			kinds[e.Kind]++
			answer := e.Messages[len(e.Messages)-1]
			require.Equal(t, tune.Message{Role: "assistant", Content: e.Answer}, answer)
			require.Contains(t, texts[e.Gold.ChunkID], e.Quote, "the quote is the document's own words")
			require.Equal(t, 2, e.Gold.Version)
			given := slices.IndexFunc(e.Given, func(o tune.Origin) bool { return o.ChunkID == e.Gold.ChunkID })
			switch e.Kind {
			case tune.ClosedBook:
				require.Len(t, e.Messages, 2)
				require.Empty(t, e.Given)
				require.NotContains(t, e.Answer, "[")
				continue
			case tune.Abstains:
				require.Equal(t, rag.Abstention, e.Answer)
				require.Negative(t, given)
				for _, o := range e.Given {
					require.NotContains(t, texts[o.ChunkID], e.Quote)
				}
			case tune.Grounded:
				require.Contains(t, e.Answer, fmt.Sprintf("[%d].", given+1), "cited by its place")
				places[fmt.Sprint(given+1, " of ", len(e.Given))]++
			}
			require.LessOrEqual(t, len(e.Given), 5)
			var sources []rag.Source
			for i, o := range e.Given {
				for _, d := range library {
					for _, p := range d.Passages {
						if p.ChunkID == o.ChunkID {
							sources = append(sources, rag.Source{Index: i + 1, Passage: p})
						}
					}
				}
			}
			prompt := rag.Compose(sources, []rag.Message{{Role: "user", Content: e.Question}})
			require.Len(t, e.Messages, len(prompt)+1)
			for i, m := range prompt {
				require.Equal(t, tune.Message(m), e.Messages[i], "the server's own prompt")
			}
		}
	}
	require.Greater(t, kinds[tune.Grounded], kinds[tune.Abstains])
	require.Positive(t, kinds[tune.Abstains])
	require.Positive(t, kinds[tune.ClosedBook])
	require.Greater(t, len(places), 4, "the gold passage stands in many places: %v", places)
}

func TestWhatAProgramCanAsk(t *testing.T) {
	t.Parallel()
	answers := map[string]string{}
	for _, e := range build(t, tune.Options{Seed: 1, Abstain: 1e-9, ClosedBook: 1}, library...) {
		answers[e.Answer] = e.Method
	}
	for answer, method := range map[string]string{
		"Phone: extension 4700, on working days.":                   "key_value",
		"P1, first answer: 15 minutes.":                             "table",
		"Elbe, seats: 12.":                                          "table",
		"You may carry over up to 5 days into the next leave year.": "sentence",
		"RPO means the amount of work that may be lost.":            "sentence",
		"If a printer stops working, restart it and write to the desk with the number on its label.": "sentence",
		"From the fourth calendar day the company needs a certificate from a doctor.":                "heading",
		"Managers must answer requests for leave within five working days.":                          "sentence",
	} {
		require.Equal(t, method, answers[answer], "%s in %v", answer, answers)
	}
}

func TestTheSameSeedGivesTheSameSet(t *testing.T) {
	t.Parallel()
	first := build(t, tune.Options{Seed: 7}, library...)
	turned := slices.Clone(library)
	slices.Reverse(turned)
	require.Equal(t, first, build(t, tune.Options{Seed: 7}, turned...), "whatever order the documents come in")
	require.NotEqual(t, first, build(t, tune.Options{Seed: 8}, library...))
	require.Len(t, build(t, tune.Options{Seed: 7, Limit: 5}, library...), 5)
}

func TestHeldOutDocumentsAreNotTrainedOn(t *testing.T) {
	t.Parallel()
	sides := map[string]map[bool]bool{}
	n := 0
	for _, e := range build(t, tune.Options{Seed: 3, HeldOut: 0.3}, library...) {
		if sides[e.Gold.Path] == nil {
			sides[e.Gold.Path] = map[bool]bool{}
		}
		sides[e.Gold.Path][e.HeldOut] = true
		if e.HeldOut {
			n++
		}
	}
	require.Positive(t, n)
	for path, side := range sides {
		require.Len(t, side, 1, path)
	}
}

func TestNearDuplicatesGo(t *testing.T) {
	t.Parallel()
	once := build(t, tune.Options{Seed: 1}, library...)
	copied := document("copy/help.md", library[0].Passages[0].Text+"\n\n"+library[0].Passages[1].Text)
	require.LessOrEqual(t, len(build(t, tune.Options{Seed: 1}, append(slices.Clone(library), copied)...)), len(once)+1)
}

func TestDraftsArePutToTheSameChecks(t *testing.T) {
	t.Parallel()
	doc := document("a.md", "# Leave\n\nYou may carry over up to 5 days into the next leave year.")
	other := document("b.md", "# Rooms\n\nVisitors must wear a badge in the building.")
	for reply, taken := range map[string]bool{
		"How many days can I carry over into next year?":                               true,
		"Can I carry over 5 days into the next leave year?":                            false, // gives the answer away
		"What does the passage say about days one may carry over?":                     false,
		"Is lunch free on Fridays?":                                                    false, // is about something else
		"You may carry over days.":                                                     false,
		"What about when you may carry over up to five days into the next leave year?": false,
	} {
		examples := build(t, tune.Options{Seed: 1, ClosedBook: 1, Draft: func(_ context.Context, prompt string) (string, error) {
			if strings.Contains(prompt, "badge") {
				return "", nil
			}
			return reply + "\nThat is my question.", nil
		}}, doc, other)
		asked := ""
		for _, e := range examples {
			if e.Method == "drafted" {
				asked = e.Question
			}
		}
		require.Equal(t, taken, asked == reply, "%s: %v", reply, examples)
		require.Len(t, examples, 2, "a refused draft leaves the program's question")
	}
}

func TestNothingToAsk(t *testing.T) {
	t.Parallel()
	_, err := tune.Build(t.Context(), []tune.Document{document("a.md", "# A\n\nlorem ipsum")}, tune.Options{})
	require.ErrorContains(t, err, "no question could be made")
}
