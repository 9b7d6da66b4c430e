package eval_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestPageIsWholeAndNeedsNothingElse(t *testing.T) {
	t.Parallel()
	curve := eval.Curve(evidence)
	var out strings.Builder
	require.NoError(t, eval.Page{
		Title: "Evidence of <h>", Lines: []string{"AUROC 0.9 & more"},
		Plots: []eval.Plot{eval.ROC(curve, map[string]eval.Point{"balanced": curve[1]}), eval.Risk([]eval.RiskPoint{{0.5, 0.25}, {1, 0.5}})},
	}.WriteHTML(&out))
	html := out.String()
	require.Contains(t, html, "Evidence of &lt;h&gt;")
	require.Contains(t, html, `d="M0.0 320.0L0.0 160.0`, "no refusals, then half of the unanswerable ones")
	require.Contains(t, html, `d="M160.0 240.0L320.0 160.0"`)
	require.Contains(t, html, `<circle cx="0.0" cy="160.0"`)
	require.NotContains(t, html, "http")
	for _, rest := range strings.SplitAfter(html, "</svg>") {
		start := strings.Index(rest, "<svg")
		if start < 0 {
			continue
		}
		for tokens := xml.NewDecoder(strings.NewReader(rest[start:])); ; {
			_, err := tokens.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
	}
}
