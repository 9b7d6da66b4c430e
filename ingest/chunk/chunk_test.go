package chunk_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/chunk"
)

// words counts words, so that expectations can be read.
func words(texts []string) ([]int, error) {
	out := make([]int, len(texts))
	for i, t := range texts {
		out[i] = len(strings.Fields(t))
	}
	return out, nil
}

// markdown marks headings and tables the way a parser would.
func markdown(body string) chunk.Doc {
	doc := chunk.Doc{Body: body, Path: "guides/travel-leave.md"}
	at := 0
	for _, line := range strings.SplitAfter(body, "\n") {
		if level := len(line) - len(strings.TrimLeft(line, "#")); level > 0 && level <= 6 {
			doc.Marks = append(doc.Marks, chunk.Mark{Kind: chunk.Heading, Start: at, End: at + len(line), Level: level, Label: strings.TrimSpace(line[level:])})
		}
		at += len(line)
	}
	return doc
}

func split(t *testing.T, doc chunk.Doc, tokens int) []chunk.Span {
	t.Helper()
	spans, err := chunk.Split(doc, chunk.Options{Tokens: tokens, Max: 1000}, words)
	require.NoError(t, err)
	check(t, doc.Body, spans)
	return spans
}

// check holds the invariants of Split.
func check(t *testing.T, body string, spans []chunk.Span) {
	t.Helper()
	at := 0
	for _, s := range spans {
		if s.Start < at || s.End <= s.Start || s.End > len(body) {
			t.Fatalf("span %d–%d after %d in a body of %d", s.Start, s.End, at, len(body))
		}
		if between := body[at:s.Start]; strings.TrimSpace(between) != "" {
			t.Fatalf("%q lies between spans", between)
		}
		if text := body[s.Start:s.End]; !utf8.ValidString(text) || strings.TrimFunc(text, unicode.IsSpace) != text {
			t.Fatalf("span %q is cut inside a rune or has outer white space", text)
		}
		at = s.End
	}
	if rest := body[at:]; strings.TrimSpace(rest) != "" {
		t.Fatalf("%q lies after the last span", rest)
	}
}

func texts(body string, spans []chunk.Span) []string {
	out := make([]string, len(spans))
	for i, s := range spans {
		out[i] = body[s.Start:s.End]
	}
	return out
}

func TestEmptyDocumentGivesNoChunk(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "\n \n\t"} {
		require.Empty(t, split(t, chunk.Doc{Body: body}, 20))
	}
}

func TestSectionsAreKeptApart(t *testing.T) {
	t.Parallel()
	body := "# Leave\n\nIntro of six words goes here.\n\n## Annual\n\n" + strings.Repeat("annual leave words here. ", 4) +
		"\n\n## Sick\n\n" + strings.Repeat("sick leave words here. ", 4) + "\n"
	spans := split(t, markdown(body), 20)
	got := texts(body, spans)
	require.Len(t, got, 3)
	require.Contains(t, got[1], "## Annual")
	require.NotContains(t, got[1], "sick")
	require.Equal(t, []string{"Leave", "Annual"}, spans[1].Heading)
	require.Equal(t, "guides travel leave > Leave > Annual", spans[1].Header)
	require.Equal(t, []string{"Leave", "Sick"}, spans[2].Heading)
}

func TestLongSectionsAreCutBetweenSentences(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("This sentence has exactly six words. ", 10)
	for _, text := range texts(body, split(t, chunk.Doc{Body: body}, 12)) {
		require.True(t, strings.HasSuffix(text, "words."), "%q", text)
		require.LessOrEqual(t, len(strings.Fields(text)), 15)
	}
}

func TestOneEndlessLineIsCutBetweenWords(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("wörd ", 200)
	spans := split(t, chunk.Doc{Body: body}, 20)
	require.Greater(t, len(spans), 8)
}

func TestTinySectionsShareAChunk(t *testing.T) {
	t.Parallel()
	body := "# FAQ\n\n## A\n\none two\n\n## B\n\nthree four\n\n## C\n\nfive six\n"
	spans := split(t, markdown(body), 40)
	require.Len(t, spans, 1)
	require.Equal(t, []string{"FAQ"}, spans[0].Heading)
}

func TestListItemsCarryTheLineThatIntroducesThem(t *testing.T) {
	t.Parallel()
	body := "You may carry over:\n\n" + strings.Repeat("- one item of the list with words\n", 8)
	spans := split(t, chunk.Doc{Body: body, Title: "Leave"}, 16)
	require.Greater(t, len(spans), 2)
	require.Contains(t, spans[2].Header, "You may carry over:")
}

func TestTableRowsCarryTheHeaderRow(t *testing.T) {
	t.Parallel()
	table := "| Model | Range |\n|---|---|\n" + strings.Repeat("| AX-210 | 0 to 10 bar and more |\n", 10)
	doc := chunk.Doc{Body: table, Title: "Manual", Marks: []chunk.Mark{{Kind: chunk.Table, Start: 0, End: len(table), Label: "| Model | Range |"}}}
	spans := split(t, doc, 30)
	require.Greater(t, len(spans), 2)
	require.Equal(t, "Manual", spans[0].Header)
	require.Equal(t, "Manual\n| Model | Range |", spans[1].Header)
}

func TestPagesAreThoseTheChunkStartsOn(t *testing.T) {
	t.Parallel()
	one, two := strings.Repeat("first page. ", 10), strings.Repeat("second page. ", 10)
	body := one + "\n\n" + two
	doc := chunk.Doc{Body: body, Marks: []chunk.Mark{
		{Kind: chunk.Page, Start: 0, End: len(one) + 1, Page: 1}, {Kind: chunk.Page, Start: len(one) + 2, End: len(body), Page: 2}}}
	spans := split(t, doc, 20)
	require.Equal(t, 1, spans[0].Page)
	require.Equal(t, 2, spans[len(spans)-1].Page)
}

func TestASlideSharesItsChunkWithNoOther(t *testing.T) {
	t.Parallel()
	slides := []string{"Goals\n\n- one point", "Figures\n\n- another point", "no title here", "and none here"}
	body := strings.Join(slides, "\n\n")
	doc := chunk.Doc{Body: body, Title: "Plan"}
	at := 0
	for i, s := range slides {
		doc.Marks = append(doc.Marks, chunk.Mark{Kind: chunk.Page, Start: at, End: at + len(s), Page: i + 1, Label: "Slide"})
		if title, _, ok := strings.Cut(s, "\n"); ok {
			doc.Marks = append(doc.Marks, chunk.Mark{Kind: chunk.Heading, Start: at, End: at + len(title), Level: 1, Label: title})
		}
		at += len(s) + 2
	}
	spans := split(t, doc, 40)
	require.Equal(t, slides, texts(body, spans))
	for i, s := range spans {
		require.Equal(t, i+1, s.Page)
	}
	require.Equal(t, "Plan > Figures", spans[1].Header)
	require.Equal(t, "Plan", spans[2].Header, "a slide without a title is not under the last one's")
}

func TestTooManyChunksAndCounterErrors(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("# H\n\nwords and more words here\n\n", 20)
	_, err := chunk.Split(markdown(body), chunk.Options{Tokens: 5, Max: 3}, words)
	var many *chunk.TooManyError
	require.ErrorAs(t, err, &many)
	require.Equal(t, 3, many.Max)

	down := errors.New("down")
	_, err = chunk.Split(markdown(body), chunk.Options{Tokens: 5, Max: 300}, func([]string) ([]int, error) { return nil, down })
	require.ErrorIs(t, err, down)
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"", "# A\n\ntext\n\n## B\n- x\n- y\n1. z", "a. b. c", "|a|b|\n|-|-|\n|1|2|", "\u3000。！？", strings.Repeat("x", 400), "e.g. this, i.e. that. No. 5"} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, body string, tokens int) {
		if !utf8.ValidString(body) || tokens < 1 || tokens > 512 || len(body) > 1<<14 {
			t.Skip()
		}
		doc := markdown(body)
		spans, err := chunk.Split(doc, chunk.Options{Tokens: tokens, Max: 1 << 20}, words)
		if err != nil {
			t.Fatal(err)
		}
		check(t, body, spans)
	})
}
