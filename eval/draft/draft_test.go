package draft_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/eval/draft"
	"groundwork/rag"
)

func document(path, title string, texts ...string) draft.Document {
	d := draft.Document{ID: "file-" + path, Path: path, Version: 1}
	for i, text := range texts {
		d.Passages = append(d.Passages, rag.Passage{ChunkID: fmt.Sprint(path, "#", i), DocumentID: d.ID, Filename: path, Seq: i, Header: title, Heading: []string{title}, Text: text})
	}
	return d
}

const (
	deposit = "The deposit for a door badge is 40 euros in every office."
	repairs = "The workshop repairs the pump AX-210 within 12 working days."
	order   = "Spare parts for the pump AX-210 are ordered from Nordwerk with form B-7."
	rooms   = "| Room | Seats |\n| --- | --- |\n| Aalto | 14 |\n| Saar | 6 |"
	travel  = "A rented car for a business trip may cost up to 90 euros a day."
	before  = "A rented car for a business trip may cost up to 60 euros a day."
)

func library() []draft.Document {
	return []draft.Document{
		document("office/badges.md", "Badges", deposit), document("service/repairs.md", "Repairs", repairs), document("service/parts.md", "Spare parts", order),
		document("office/rooms.md", "Rooms", rooms), document("finance/travel.md", "Travel", travel), document("archive/travel-2023.md", "Travel 2023 (superseded)", before),
	}
}

// good replies to the prompt of each kind, by words of the prompt.
var good = []struct{ kind, has, reply string }{
	{"false-premise", "has it wrong", "Question: Why do I have to pay %s euros to get a badge for the door?"},
	{"multi-passage", "Two facts", "Question: How long do repairs of the AX-210 take, and who sends us its spare parts?\nAnswer: The repairs take 12 working days. The spare parts come from Nordwerk."},
	{"outdated", travel, "Question: What is the daily limit for a rented car on business trips?\nAnswer: 90 euros"},
	{"table", "Room Aalto, Seats: 14", "Question: How many seats does the room Aalto have?\nAnswer: 14"},
	{"number", deposit, "**Question:** What do I pay as deposit for my door badge?\n**Answer:** 40 euros"},
}

// replies is a model that answers a prompt by the first of good that fits, and otherwise wrongly.
func replies(kind string) draft.Ask {
	return func(_ context.Context, prompt string) (string, error) {
		for _, g := range good {
			if g.kind != kind || !strings.Contains(prompt, g.has) {
				continue
			}
			if strings.Contains(g.reply, "%s") {
				if !strings.Contains(prompt, deposit) {
					break
				}
				_, figure, _ := strings.Cut(prompt, "the wrong figure ")
				figure, _, _ = strings.Cut(figure, " ")
				return fmt.Sprintf(g.reply, figure), nil
			}
			return g.reply, nil
		}
		return "I cannot.", nil
	}
}

// bench drafts and hears what became of each candidate.
type bench struct {
	opt  draft.Options
	kept []draft.Draft
	why  map[draft.Reason]int
}

func drafting(count int, ask draft.Ask, kinds ...draft.Kind) *bench {
	b := &bench{why: map[draft.Reason]int{}}
	b.opt = draft.Options{Seed: 1, Count: count, Kinds: kinds, Ask: ask, Model: "big", Code: "v1", Store: "h", Now: time.Now,
		Search: func(context.Context, string) ([]string, error) { return []string{"office/badges.md#0"}, nil },
		Heard: func(o draft.Outcome) error {
			if o.Reason == "" {
				b.kept = append(b.kept, o.Draft)
			} else {
				b.why[o.Reason]++
			}
			return nil
		}}
	return b
}

func TestEachKindIsDrafted(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		kind   draft.Kind
		reply  string
		typ    string
		must   []string
		golds  int
		answer string
	}{
		{draft.Lookup, "number", "number", []string{"40"}, 1, "40 euros"},
		{draft.Table, "table", "table", []string{"14"}, 1, "14"},
		{draft.TwoDocuments, "multi-passage", "multi-passage", []string{"12", "Nordwerk"}, 2, "The repairs take 12 working days. The spare parts come from Nordwerk."},
		{draft.Outdated, "outdated", "outdated", []string{"90"}, 1, "90 euros"},
		{draft.FalsePremise, "false-premise", "false-premise", []string{"40"}, 1, "That is not so: " + deposit},
	} {
		b := drafting(1, replies(want.reply), want.kind)
		require.NoError(t, draft.Make(t.Context(), library(), b.opt), "%s: %v", want.kind, b.why)
		d := b.kept[0]
		require.Equal(t, want.typ, d.Type)
		require.Equal(t, want.must, d.MustContain, want.kind)
		require.Equal(t, want.answer, d.Answer)
		require.Len(t, d.Gold, want.golds)
		require.Equal(t, eval.Drafted, d.Status)
		require.NoError(t, d.Check())
		require.Equal(t, "big", d.Provenance.Model)
		require.NotEmpty(t, d.Provenance.Shown[0].ChunkID)
		for _, g := range d.Gold {
			require.NotEqual(t, "archive/travel-2023.md", g.Path, "the current document is gold")
		}
	}
}

func TestUnanswerableIsCloseAndNotInTheDocuments(t *testing.T) {
	t.Parallel()
	docs := []draft.Document{document("office/badges.md", "Badges", deposit), document("service/repairs.md", "Repairs", repairs)}
	ask := func(reply string) draft.Ask {
		return func(_ context.Context, prompt string) (string, error) {
			if strings.Contains(prompt, deposit) {
				return reply, nil
			}
			return "Question: How fast does the workshop repair a pump AX-210?\nAnswer: 12 days", nil
		}
	}
	b := drafting(2, ask("Question: What colour is the photograph on a door badge?"), draft.Unanswerable)
	require.NoError(t, draft.Make(t.Context(), docs, b.opt), b.why)
	var all []string
	for _, d := range b.kept {
		require.True(t, d.Unanswerable)
		require.Empty(t, d.Gold)
		require.NoError(t, d.Check())
		all = append(all, d.Question.Question)
	}
	require.ElementsMatch(t, []string{"What colour is the photograph on a door badge?", "How fast does the workshop repair a pump AX-220?"}, all, "AX-220 stands in no document")

	b = drafting(2, ask("Question: What is the deposit for an office door badge?"), draft.Unanswerable)
	require.ErrorIs(t, draft.Make(t.Context(), docs, b.opt), draft.ErrNoMore)
	require.Equal(t, 1, b.why[draft.MayBeThere])
	require.Len(t, b.kept, 1)
}

func TestChecksThrowOut(t *testing.T) {
	t.Parallel()
	docs := []draft.Document{document("office/badges.md", "Badges", deposit)}
	twin := append(slices.Clone(docs), document("hr/joining.md", "Joining", "New people pay a deposit of 40 euros for the badge that opens the door."))
	for reason, replied := range map[draft.Reason]string{
		draft.NotAsked:     "Question: Deposit\nAnswer: 40 euros",
		draft.SpeaksOfText: "Question: What does the passage say about the badge deposit?\nAnswer: 40 euros",
		draft.Copies:       "Question: Is the deposit for a door badge is so many euros?\nAnswer: 40 euros",
		draft.GivesAway:    "Question: Why is the badge deposit fixed at 40 euros?\nAnswer: 40",
		draft.OffSubject:   "Question: Where do penguins, seals, walruses, gulls and albatrosses breed in badges?\nAnswer: 40 euros",
		draft.NoAnswer:     "Question: What do I pay as deposit for my door badge?\nAnswer: the badge",
		draft.NotInSpan:    "Question: What do I pay as deposit for my door badge?\nAnswer: 45 euros",
		draft.Elsewhere:    "Question: What do I pay as deposit for my door badge?\nAnswer: 40 euros",
		draft.Repeats:      "Question: What do I pay as deposit for a door badge?\nAnswer: 40 euros",
	} {
		b := drafting(1, func(context.Context, string) (string, error) { return replied, nil }, draft.Lookup)
		some := docs
		if reason == draft.Elsewhere {
			some = twin
		}
		if reason == draft.Repeats {
			b.opt.Known = []string{"What deposit do I pay for the door badge?"}
		}
		require.ErrorIs(t, draft.Make(t.Context(), some, b.opt), draft.ErrNoMore, reason)
		require.Equal(t, len(some), b.why[reason]+len(b.why)-1, "%s: %v", reason, b.why)
		require.Positive(t, b.why[reason], "%s: %v", reason, b.why)
	}
	b := drafting(1, func(context.Context, string) (string, error) {
		return "Question: Why do I have to pay 40 euros for a badge?", nil
	}, draft.FalsePremise)
	require.ErrorIs(t, draft.Make(t.Context(), docs, b.opt), draft.ErrNoMore)
	require.Equal(t, map[draft.Reason]int{draft.NotFalse: 1}, b.why)
	every := []draft.Document{docs[0], document("archive/badges.md", "Badges", "The deposit for the door badge was 41, 42, 43, 44, 45, 80, 90, 100, 110 or 120 euros, or any other figure, such as 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79.")}
	b = drafting(1, replies("false-premise"), draft.FalsePremise)
	require.ErrorIs(t, draft.Make(t.Context(), every, b.opt), draft.ErrNoMore)
	require.Positive(t, b.why[draft.TrueSomehow], "%v", b.why)
	b = drafting(1, func(context.Context, string) (string, error) {
		return "Question: How long do repairs of the AX-210 take, and who sends us its spare parts?\nAnswer: 12 working days.", nil
	}, draft.TwoDocuments)
	require.ErrorIs(t, draft.Make(t.Context(), library(), b.opt), draft.ErrNoMore)
	require.Equal(t, map[draft.Reason]int{draft.OneIsEnough: 1}, b.why)
}

func TestDraftingGoesOnWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	file := draft.File{Path: filepath.Join(t.TempDir(), "drafts", "h.jsonl")}
	made := draft.Made{Store: "h", Corpus: "c", Seed: 1, Model: "big"}
	calls := 0
	ask := func(ctx context.Context, prompt string) (string, error) {
		if calls++; calls == 4 {
			return "", errors.New("the model is gone")
		}
		return replies("number")(ctx, prompt)
	}
	round := func() error {
		tried, err := file.OpenTried(made)
		require.NoError(t, err)
		there, err := file.Read()
		require.NoError(t, err)
		b := drafting(1, ask, draft.Lookup)
		b.opt.Tried, b.opt.Kept = tried.Done, len(there)
		b.opt.Heard = func(o draft.Outcome) error {
			if o.Reason == "" {
				require.NoError(t, file.Add(o.Draft))
			}
			return tried.Note(o)
		}
		return draft.Make(t.Context(), library(), b.opt)
	}
	first := round()
	if first != nil {
		require.ErrorContains(t, first, "the model is gone")
		raw, err := os.ReadFile(file.Path + ".tried")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file.Path+".tried", append(raw, `{"candidate":"half`...), 0o600)) // killed while it wrote
		require.NoError(t, round())
	}
	all, err := file.Read()
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.LessOrEqual(t, calls, 7, "nothing is tried twice")
	require.NoError(t, round(), "enough is there")

	tried, err := file.OpenTried(made)
	require.NoError(t, err)
	require.Contains(t, strings.Join(tried.Lines(), "\n"), string(draft.NotAsked))
	made.Corpus = "other"
	_, err = file.OpenTried(made)
	require.ErrorContains(t, err, "--fresh")
}

func one(t *testing.T) (draft.File, draft.Draft) {
	t.Helper()
	file := draft.File{Path: filepath.Join(t.TempDir(), "h.jsonl")}
	b := drafting(1, replies("number"), draft.Lookup)
	require.NoError(t, draft.Make(t.Context(), library(), b.opt))
	require.NoError(t, file.Add(b.kept[0]))
	return file, b.kept[0]
}

func TestAPersonDecides(t *testing.T) {
	t.Parallel()
	file, d := one(t)
	accept, words, empty := eval.Accepted, "  What is the  deposit for a badge? ", ""
	changed, err := file.Edit(d.ID, draft.Edit{Status: &accept, Question: &words}, time.Now())
	require.NoError(t, err)
	require.True(t, changed.Provenance.Edited)
	require.False(t, changed.Provenance.Reviewed.IsZero())
	raw, err := os.ReadFile(file.Path)
	require.NoError(t, err)
	set, err := eval.Read(strings.NewReader(string(raw)))
	require.NoError(t, err)
	require.Len(t, set, 1)
	require.Equal(t, "What is the deposit for a badge?", set[0].Question)

	for _, wrong := range []draft.Edit{{Question: &empty}, {Answer: &empty}, {MustContain: &[]string{}}, {MustContain: &[]string{"nothing of it"}}, {MustContain: &[]string{" "}}} {
		_, err := file.Edit(d.ID, wrong, time.Now())
		var refused *draft.Refused
		require.ErrorAs(t, err, &refused)
	}
	_, err = file.Edit("lookup-0", draft.Edit{Status: &accept}, time.Now())
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, file.Put(nil, time.Now()), "a line that was deleted is dropped")
	set, err = eval.Read(strings.NewReader(read(t, file.Path)))
	require.NoError(t, err)
	require.Empty(t, set)
	d.ID = "mine"
	require.ErrorContains(t, file.Put([]draft.Draft{d}, time.Now()), "not among the drafts")
	_, err = draft.Parse([]byte(`{"id":"x"}`))
	require.ErrorContains(t, err, "line 1")
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

func TestADraftIsALineOfAQuestionSet(t *testing.T) {
	t.Parallel()
	file, d := one(t)
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, file.Path)), &fields))
	for _, name := range []string{"id", "question", "answer", "gold", "type", "must_contain", "unanswerable", "status", "provenance"} {
		require.Contains(t, fields, name)
	}
	set, err := eval.Read(strings.NewReader(read(t, file.Path)))
	require.NoError(t, err)
	require.Empty(t, set, "nobody has accepted it")
	all, err := eval.ReadAll(strings.NewReader(read(t, file.Path)))
	require.NoError(t, err)
	require.Equal(t, d.Question, all[0])
	folder := draft.Folder{Dir: filepath.Dir(file.Path)}
	names, err := folder.Names()
	require.NoError(t, err)
	require.Equal(t, []string{"h"}, names)
	for _, wrong := range []string{"", "..", "a/b", `a\b`, ".h"} {
		_, ok := folder.File(wrong)
		require.False(t, ok, wrong)
	}
}
