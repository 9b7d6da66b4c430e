package compare

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

// graded answers 40 questions of people/leave.md right and cited up to the nth.
func graded(cell Cell, n int) Result {
	r := Result{Cell: cell}
	for i := range 40 {
		ok := i < n
		r.Outcomes = append(r.Outcomes, eval.Outcome{ID: id(i), Known: true, Right: ok, Cited: ok, CitationsResolved: 1})
	}
	return r
}

func id(i int) string { return "q" + strings.Repeat("i", i) }

func TestAReportSaysPlainlyWhatTuningBrings(t *testing.T) {
	t.Parallel()
	for tuned, says := range map[int]string{30: "Tuning helps", 12: "Tuning is not shown to help", 2: "Tuning does harm"} {
		in := Input{Terms: Terms{Prices: []Price{{Name: "ours", Kind: Machine, Hour: 3.6, Currency: "EUR", Date: "2026-11-01", Source: "invoice 7"}}}, HeldOut: []string{"people/leave.md"}}
		in.Comparison.Setup.Adapter = "acme"
		for i := range 40 {
			in.Questions = append(in.Questions, eval.Question{ID: id(i), Question: "?", Gold: []eval.Gold{{Path: "people/leave.md"}}})
		}
		scores := map[string]int{BaseStore: 10, BaseOpen: 10, TunedStore: tuned, TunedOpen: tuned}
		for _, c := range Cells("m", "acme", "s") {
			in.Results = append(in.Results, graded(c, scores[c.Name]))
		}
		r, err := New(in)
		require.NoError(t, err)
		require.Len(t, r.Conclusions, 4)
		require.Contains(t, r.Conclusions[0], says+" on all 40 questions: tuned@S against base@S", "%v", r.Conclusions)
		require.Contains(t, r.Conclusions[2], says+" on the 40 questions about documents that were not trained on")
		require.Contains(t, strings.Join(r.Lines(), "\n"), r.Conclusions[0])
		var page strings.Builder
		require.NoError(t, r.WriteHTML(&page))
		require.Contains(t, page.String(), says)
	}
}
