package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/rag"
)

func TestTheVerdictNeedsMoreThanChance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lost, gained int
		overlap      float64
		want         string
	}{
		{0, 0, 1, ""},
		{2, 0, 1, ""}, // 1.41 standard deviations
		{3, 0, 1, "clearly less: of 100 questions it lost 3 and gained 0"},
		{12, 8, 1, ""},
		{16, 7, 1, "clearly less"},
		{7, 16, 1, ""},
		{0, 0, 0.4, "less than --min-overlap 0.50"},
	} {
		k := Comparison{Queries: 100, Lost: c.lost, Gained: c.gained, Overlap: c.overlap}
		if got := k.judge(0.5); c.want == "" {
			require.Empty(t, got, "%+v", c)
		} else {
			require.Contains(t, got, c.want)
		}
	}
}

func TestAKnownPassageIsFoundWhereItOverlaps(t *testing.T) {
	t.Parallel()
	hits := []rag.Passage{{DocumentID: "file-1", Filename: "a.md", Start: 100, End: 200, Text: "Thirty  days\nof leave."}}
	for _, c := range []struct {
		at   Place
		want bool
	}{
		{Place{DocumentID: "file-1", Start: 199, End: 300}, true},
		{Place{DocumentID: "file-1", Start: 200, End: 300}, false},
		{Place{DocumentID: "file-2", Start: 100, End: 200}, false},
		{Place{Path: "a.md", Quote: "days of leave"}, true},
		{Place{Path: "a.md", Quote: "days of work"}, false},
		{Place{Path: "b.md", Quote: "days of leave"}, false},
	} {
		require.Equal(t, c.want, Probe{Places: []Place{{DocumentID: "none", End: 1}, c.at}}.found(hits), "%+v", c.at)
	}
	require.InDelta(t, 0.5, shared([]rag.Passage{{DocumentID: "file-1", Start: 150, End: 160}, {DocumentID: "file-2", Start: 150, End: 160}}, hits), 0)
	require.Equal(t, "Employees get 30 days.", firstSentence("## Employees get 30 days. And more."))
}

func TestTheOldModelIsFoundInTheCatalogue(t *testing.T) {
	t.Parallel()
	cfg, err := configs.Load("", nil)
	require.NoError(t, err)
	old, err := vectorsOf(cfg)
	require.NoError(t, err)
	next := cfg
	next.LLM.Embed.Model = "multilingual-e5-small"
	got, err := configOf(old, next, nil)
	require.NoError(t, err)
	kind, err := vectorsOf(got)
	require.NoError(t, err)
	require.Equal(t, old, kind)

	own := cfg
	own.LLM.Embed = configs.EmbedModel{BaseURL: "http://127.0.0.1:1/v1", Model: "our-own", Dimensions: 8}
	kind, err = vectorsOf(own)
	require.NoError(t, err)
	_, err = configOf(kind, cfg, nil)
	require.ErrorContains(t, err, "--old FILE")
	got, err = configOf(kind, cfg, &own)
	require.NoError(t, err)
	require.Equal(t, own, got)
	_, err = configOf(kind, cfg, &next)
	require.ErrorContains(t, err, "--old says")
}
