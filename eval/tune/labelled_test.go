package tune_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/eval/tune"
	"groundwork/rag"
)

// given numbers passages of the library by their chunks.
func given(chunks ...string) []rag.Source {
	var out []rag.Source
	for _, chunk := range chunks {
		for _, d := range library {
			for _, p := range d.Passages {
				if p.ChunkID == chunk {
					out = append(out, rag.Source{Index: len(out) + 1, Passage: p})
				}
			}
		}
	}
	return out
}

var stolen = tune.Labelled{
	Question: eval.Question{ID: "q1", Question: "Somebody nicked my notebook, whom do I ring?", Answer: "Extension 4911, within one hour.",
		Gold: []eval.Gold{{Path: "it/help.md", Quote: "report a stolen laptop to extension 4911 within one hour"}}, MustContain: []string{"4911"}},
	Given: given("office/rooms.md-1", "it/help.md-0", "it/help.md-1"), Without: given("office/rooms.md-1", "people/leave.md-0"),
}

// labelled are the examples of labelled questions among those that are built.
func labelled(t *testing.T, opt tune.Options) []tune.Example {
	t.Helper()
	return slices.DeleteFunc(build(t, opt, library...), func(e tune.Example) bool { return e.Method != "labelled" })
}

func TestLabelledQuestionsComeWithWhatTheStoreGives(t *testing.T) {
	t.Parallel()
	orders := map[string]bool{}
	for seed := range uint64(6) {
		examples := labelled(t, tune.Options{Seed: seed, Labelled: []tune.Labelled{stolen}, Copies: 3, Abstain: 1e-9})
		require.Len(t, examples, 3)
		for _, e := range examples {
			require.Equal(t, tune.Grounded, e.Kind)
			at := slices.IndexFunc(e.Given, func(o tune.Origin) bool { return o.ChunkID == "it/help.md-0" })
			require.Len(t, e.Given, 3)
			require.GreaterOrEqual(t, at, 0)
			require.Equal(t, "You must report a stolen laptop to extension 4911 within one hour.", e.Answer, "the document's own sentence")
			var chunks []string
			for _, o := range e.Given {
				chunks = append(chunks, o.ChunkID)
			}
			orders[strings.Join(chunks, " ")] = true
			prompt := rag.Compose(given(chunks...), []rag.Message{{Role: "user", Content: stolen.Question.Question}})
			for i, m := range prompt {
				require.Equal(t, tune.Message(m), e.Messages[i], "the server's own prompt")
			}
		}
	}
	require.Contains(t, orders, "office/rooms.md-1 it/help.md-0 it/help.md-1", "once as the store gives them")
	require.Greater(t, len(orders), 2)
}

func TestAPassageThatTheStoreMissesIsPutIn(t *testing.T) {
	t.Parallel()
	missed := stolen
	missed.Given = given("office/rooms.md-1", "people/leave.md-1")
	for _, e := range labelled(t, tune.Options{Seed: 1, Labelled: []tune.Labelled{missed}, Abstain: 1e-9}) {
		require.True(t, slices.ContainsFunc(e.Given, func(o tune.Origin) bool { return o.ChunkID == "it/help.md-0" }))
		require.LessOrEqual(t, len(e.Given), 2, "in the same room")
	}
}

func TestSomeAreAskedWithoutWhatAnswersThem(t *testing.T) {
	t.Parallel()
	examples := labelled(t, tune.Options{Seed: 1, Labelled: []tune.Labelled{stolen}, Copies: 2, Abstain: 0.4})
	require.Len(t, examples, 3)
	abstains := 0
	for _, e := range examples {
		if e.Kind == tune.Abstains {
			abstains++
			require.Equal(t, rag.Abstention, e.Answer)
			require.Equal(t, "people/leave.md-0", e.Given[1].ChunkID)
		}
	}
	require.Equal(t, 1, abstains)
	answered := stolen
	answered.Without = given("it/help.md-0") // the answer stands there too
	for _, e := range labelled(t, tune.Options{Seed: 1, Labelled: []tune.Labelled{answered}, Abstain: 0.4}) {
		require.Equal(t, tune.Grounded, e.Kind)
	}
}

func TestTheModelsOwnWordsAreTaughtWhereTheyAreRight(t *testing.T) {
	t.Parallel()
	verbatim := "You must report a stolen laptop to extension 4911 within one hour"
	for said, taught := range map[string]string{
		"According to the passage, a stolen laptop is reported to extension 4911 within one hour.":             "A stolen laptop is reported to extension 4911 within one hour",
		"A stolen laptop is reported to extension 4911.":                                                       verbatim, // not the whole of it
		"A stolen laptop is reported to extension 4119 within one hour.":                                       verbatim, // wrong
		"No. A stolen laptop is reported to extension 4911 within one hour.":                                   verbatim, // nobody asked for yes or no
		"As the passage says, a stolen laptop is reported to extension 4911 within one hour.":                  verbatim, // talk
		"A stolen laptop is reported to extension 4911 within one hour, on Sundays to Bob in the Rome office.": verbatim, // not in the passages
	} {
		own := func(_ context.Context, messages []tune.Message) (string, error) {
			require.Contains(t, messages[1].Content, "stolen laptop")
			require.NotContains(t, messages[1].Content, "badge", "the gold passages alone")
			return said, nil
		}
		for _, e := range labelled(t, tune.Options{Seed: 1, Labelled: []tune.Labelled{stolen}, Abstain: 1e-9, Own: own}) {
			require.Equal(t, taught+".", e.Answer, said)
		}
	}
	allowed := stolen
	allowed.Question.Question, allowed.Answer, allowed.MustContain = "Must a stolen notebook be reported?", "Yes.", nil
	require.Empty(t, labelled(t, tune.Options{Seed: 1, Labelled: []tune.Labelled{{Question: spread(allowed.Question), Given: stolen.Given}}}), "a bare yes is not taught")
	for _, e := range labelled(t, tune.Options{Seed: 1, Labelled: []tune.Labelled{allowed}, Abstain: 1e-9}) {
		require.Equal(t, "Yes. "+verbatim+".", e.Answer)
	}
	unsaid := stolen
	unsaid.Answer, unsaid.MustContain = "Ring Bob in Rome.", []string{"Bob"}
	require.Empty(t, labelled(t, tune.Options{Seed: 1, Labelled: []tune.Labelled{unsaid}}), "what the documents do not say is not taught")
}

// spread is q with a gold quote that is in no single sentence.
func spread(q eval.Question) eval.Question {
	q.Gold = []eval.Gold{{Path: "it/help.md", Quote: "Wednesdays from 10:00 to 12:00.\n\n- Phone: extension 4700"}}
	return q
}

func TestWhatMayBeLearntAndWhatIsAsked(t *testing.T) {
	t.Parallel()
	about := func(id string, paths ...string) eval.Question {
		q := eval.Question{ID: id}
		for _, p := range paths {
			q.Gold = append(q.Gold, eval.Gold{Path: p})
		}
		return q
	}
	learn, ask := tune.Learnable([]eval.Question{about("held", "people/leave.md"), about("none"), about("learn", "it/help.md"), about("both", "it/help.md", "people/leave.md")},
		[]string{"docs/people/leave.md"})
	require.Equal(t, []eval.Question{about("learn", "it/help.md")}, learn)
	require.Equal(t, []eval.Question{about("held", "people/leave.md"), about("none")}, ask)
}

func TestWhatIsAttachedIsHeldOutWithItsMail(t *testing.T) {
	t.Parallel()
	docs := []tune.Document{{Path: "mail.eml"}, {Path: "rates.csv", Within: []string{"inner.eml", "mail.eml"}}, {Path: "rates.csv"}}
	rest, left := tune.HoldOut(docs, []string{"post/mail.eml"})
	require.Equal(t, docs[2:], rest)
	require.Equal(t, []string{"mail.eml", "rates.csv"}, left)
}
