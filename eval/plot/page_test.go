package plot

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPageIsWholeAndNeedsNothingElse(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, Page{
		Title: "Evidence of <h>", Lines: []string{"AUROC 0.9 & more"},
		Plots: []Plot{Draw("ROC", Shares("refused wrongly"), Shares("refused rightly"), []Line{{Name: "evidence", Points: [][2]float64{{0, 0}, {0.25, 0.75}, {1, 1}}}})},
	}.WriteHTML(&out))
	html := out.String()
	for _, want := range []string{"Evidence of &lt;h&gt;", "AUROC 0.9 &amp; more", "<svg", "refused wrongly", "25 %", "</html>"} {
		require.Contains(t, html, want)
	}
	require.NotContains(t, html, "http")
}

func TestSharesGoFromNothingToAll(t *testing.T) {
	t.Parallel()
	a := Shares("x")
	require.Zero(t, a.place(0))
	require.InDelta(t, 0.25, a.place(0.25), 1e-9)
	require.InDelta(t, 1, a.place(1), 1e-9)
	require.Equal(t, tick{0.75, "75 %"}, a.ticks[3])
}
