package rag

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"groundwork/rag/analyze"
)

func TestSentences(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                              nil,
		"One. Two! Three?":              {"One.", "Two!", "Three?"},
		"See e.g. this one. Next.":      {"See e.g. this one.", "Next."},
		"It costs 3.50 euros. Fine.":    {"It costs 3.50 euros.", "Fine."},
		"a line\nthat goes on. And on.": {"a line\nthat goes on.", "And on."},
		"- first item\n- second item":   {"- first item", "- second item"},
		"1. first step\n2. second step": {"1. first step", "2. second step"},
		"# Heading\nText of it.":        {"# Heading", "Text of it."},
		"| a | b |\n| 1 | 2 |":          {"| a | b |", "| 1 | 2 |"},
		"Para one\n\nPara two":          {"Para one", "Para two"},
		"City Limit (EUR)\nHamburg 165\nOther cities 140\nTrips are booked":          {"City Limit (EUR)", "Hamburg 165", "Other cities 140", "Trips are booked"},
		"Supply voltage 12 to 30 V DC\nCurrent, typical 28 mA\nOutput HART":          {"Supply voltage 12 to 30 V DC", "Current, typical 28 mA", "Output HART"},
		"the limit of 15\nworking days":                                              {"the limit of 15\nworking days"},
		"a line of running text is longer than rows and goes on to 15\nMarch and on": {"a line of running text is longer than rows and goes on to 15\nMarch and on"},
		"(“Done.”) Then more.":                                                       {"(“Done.”) Then more."},
		"これは文です。次の文。":                                                                {"これは文です。", "次の文。"},
		"Meals:\nbreakfast and lunch. End":                                           {"Meals:", "breakfast and lunch.", "End"},
	} {
		var got []string
		for _, s := range sentences(text) {
			got = append(got, text[s.start:s.end])
		}
		require.Equal(t, want, got, "%q", text)
	}
}

func FuzzSentences(f *testing.F) {
	f.Add("One. Two\n- three\n\n# four | five")
	f.Fuzz(func(t *testing.T, text string) {
		at := 0
		for _, s := range sentences(text) {
			if s.start < at || s.end <= s.start || s.end > len(text) || strings.TrimSpace(text[at:s.start]) != "" {
				t.Fatalf("%q: %v after %d", text, s, at)
			}
			at = s.end
		}
		if strings.TrimSpace(text[at:]) != "" {
			t.Fatalf("%q: rest %q", text, text[at:])
		}
	})
}

func TestMarksAreTakenOutHoweverTheTextIsSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10 days [1].":             "10 days.",
		"10 days[1][2], then [3]!": "10 days, then!",
		"see [1, 2] and [3-5] ok":  "see and ok",
		"[link](x) and [ ] stay":   "[link](x) and [ ] stay",
		"an open [12":              "an open [12",
		"array [x1] stays":         "array [x1] stays",
		"":                         "",
		"[99] first":               " first",
		"trailing ":                "trailing ",
	} {
		for range 20 {
			var f markFilter
			var got strings.Builder
			for rest := text; rest != ""; {
				n := 1 + rand.IntN(len(rest))
				got.WriteString(f.write(rest[:n]))
				rest = rest[n:]
			}
			got.WriteString(f.close())
			require.Equal(t, want, got.String(), "%q", text)
		}
	}
}

func source(text string) []Source {
	return []Source{{Index: 1, Passage: Passage{DocumentID: "file-1", Start: 50, End: 50 + utf8.RuneCountInString(text), Text: text}}}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	text := "Employees with fewer than 3 years of service earn 4 hours of annual leave per pay period. " +
		"Personal laptops must not be connected to the office network. The badge office opens on Wednesday at 9:30. Günther Müller approves travel."
	for _, c := range []struct {
		question, answer string
		want             Verdict
		quote            string
	}{
		{"How much leave?", "You earn 4 hours of annual leave per pay period.", Supported, "Employees with fewer than 3 years of service earn 4 hours of annual leave per pay period."},
		{"How much leave?", "You earn four hours of annual leave per pay period.", Supported, ""},
		{"How much leave?", "You earn 6 hours of annual leave per pay period.", Unsupported, ""},
		{"May I connect my personal laptop to the network?", "Personal laptops must not be connected to the office network.", Supported, "Personal laptops must not be connected to the office network."},
		{"Who approves travel?", "All travel approves Kaisa Virtanen.", Partly, ""},
		{"Who approves travel?", "Günther Müller approves travel.", Supported, "Günther Müller approves travel."},
		{"Who approves travel?", "Günther Müller.", Supported, ""},
		{"When does the badge office open?", "Bananas grow in tropical greenhouses near volcanic islands.", Unsupported, ""},
	} {
		cited, _ := cite(c.answer, c.question, source(text), analyze.Terms)
		require.Len(t, cited, 1, c.answer)
		require.Equal(t, c.want, cited[0].Verdict, c.answer)
		require.Equal(t, cited[0].Quote, string([]rune(text)[cited[0].Start-50:cited[0].End-50]))
		if c.quote != "" {
			require.Equal(t, c.quote, cited[0].Quote)
		}
	}
}

func TestRowsOfTables(t *testing.T) {
	t.Parallel()
	bare := "The limits are per night without VAT.\nCity Limit (EUR)\nHelsinki 150\nHamburg 165\nMunich 175\nOther cities in Europe 140\nGuests may be invited to dinner."
	barred := "City | Limit per night (EUR)\nHelsinki | 150\nHamburg | 165\nMunich | 175\nOther cities in Europe | 140"
	for _, text := range []string{bare, barred} {
		for answer, want := range map[string]struct {
			verdict Verdict
			holds   string
		}{
			"The hotel in Hamburg can be up to 165 EUR per night.":             {Supported, "165"},
			"The hotel in Hamburg can be up to 140 EUR per night.":             {Unsupported, "Hamburg"},
			"The hotel in Hamburg can be up to 175 EUR per night.":             {Unsupported, "Hamburg"},
			"Hotels may cost 150 EUR in Helsinki and 140 EUR in other cities.": {Supported, "140"},
		} {
			sources := source(text)
			sources[0].Passage.Header = "Travel policy > 3. Hotels"
			cited, _ := cite(answer, "How much may a hotel cost?", sources, analyze.Terms)
			require.Len(t, cited, 1, answer)
			require.Equal(t, want.verdict, cited[0].Verdict, "%s: %q", answer, cited[0].Quote)
			require.Contains(t, cited[0].Quote, want.holds)
		}
	}
}

func TestNumbersHaveOneForm(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"1,500 payments", "1500 payments"}, {"four hours", "4 hours", "240 minutes"}, {"75%", "75 per cent", "seventy-five percent"}, {"3.50 m", "350 cm"},
		{"EUR 1,200", "€1200", "1200 euros"}, {"3 May 2024", "May 3rd, 2024", "2024-05-03"}, {"3:30 PM", "15:30", "3:30 p.m."}, {"one hour", "1 hour"}, {"two weeks", "14 days", "a two-week"},
		{"half 25", "twenty-five"}, {"1.5 million people", "1500000 people"}, {"on Tuesdays", "Tuesday"},
	} {
		for _, other := range same[1:] {
			require.ElementsMatch(t, figureKeys(same[0]), figureKeys(other), "%s, %s", same[0], other)
		}
	}
	for _, different := range [][2]string{{"4 hours", "4 days"}, {"EUR 20", "USD 20"}, {"3 May", "3 June"}, {"12 months", "12 weeks"}, {"5%", "5 hours"}, {"May 3", "You may 3"}} {
		require.NotEqual(t, figureKeys(different[0]), figureKeys(different[1]), different)
	}
	require.True(t, negated("You can't do that"))
	require.True(t, negated("It is not allowed."))
	require.False(t, negated("A notable knot"))
}

func figureKeys(text string) []string {
	var out []string
	for _, f := range figures(text, tokens(text)) {
		out = append(out, f.key())
	}
	return out
}

func TestAsksValue(t *testing.T) {
	t.Parallel()
	for _, q := range []string{"How much is it?", "What's the nightly limit", "how many months of leave", "What percentage do I get?"} {
		require.True(t, asksValue(q), q)
	}
	for _, q := range []string{"Who approves travel?", "May I delete messages?", "Where is the showroom?"} {
		require.False(t, asksValue(q), q)
	}
}

func FuzzCite(f *testing.F) {
	f.Add("You get 4 hours. Yes.", "How much?", "You get 4 hours per period.\n- or 5")
	f.Fuzz(func(t *testing.T, answer, question, text string) {
		if !utf8.ValidString(answer) || !utf8.ValidString(text) || len(answer)+len(text) > 4000 {
			t.Skip()
		}
		cited, unsupported := cite(answer, question, source(text), analyze.Terms)
		for _, c := range cited {
			if got := string([]rune(text)[c.Start-50 : c.End-50]); got != c.Quote {
				t.Fatalf("quote %q is %q in the text", c.Quote, got)
			}
			if c.AnswerStart < 0 || c.AnswerEnd > utf8.RuneCountInString(answer) {
				t.Fatalf("answer offsets %d–%d", c.AnswerStart, c.AnswerEnd)
			}
		}
		for _, u := range unsupported {
			if u[0] < 0 || u[1] > utf8.RuneCountInString(answer) || u[0] >= u[1] {
				t.Fatalf("unsupported %v", u)
			}
		}
	})
}
