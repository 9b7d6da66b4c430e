package compare

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// 4 seconds an answer, two at once: 1,800 an hour. The hour costs 3.60, so 1,000 cost 2.00 when it is always busy.
func TestCosts(t *testing.T) {
	t.Parallel()
	terms := input().Terms
	f := Figures{Seconds: 4, Prompt: 500, Completion: 20, Score: Rate{}}
	f.Score.N, f.Score.Of = 1, 2
	c := costs(Cell{Name: "base@S"}, f, 2, terms)
	require.InDelta(t, 1800, c.PerHour, 1e-9)
	for i, want := range []float64{2, 2 / 0.3, 20} {
		require.InDelta(t, want, c.Machine[i].Per1000, 1e-9)
		require.InDelta(t, want/1000/0.5, *c.Machine[i].PerRight, 1e-9, "half of the answers are correct")
	}
	api := c.APIs[0] // 500 × 1 + 20 × 5 a million: 0.0006 an answer
	require.InDelta(t, 0.6, api.Per1000, 1e-9)
	require.Equal(t, []bool{true, true, true}, api.Dearer)
	require.Nil(t, api.BreakEven, "an hour would have to make 6,000 answers and can make 1,800")
	require.InDelta(t, 6000, api.Answers, 1e-9)

	tuned := costs(Cell{Name: "tuned@S", Tuned: true}, f, 2, terms) // 10 hours × 3.60 ÷ 100,000 answers
	require.InDelta(t, 0.36, tuned.Amortised, 1e-9)
	require.InDelta(t, 2.36, tuned.Machine[0].Per1000, 1e-9)
	require.InDelta(t, 3.6/0.00024, tuned.APIs[0].Answers, 1e-6, "0.0006 − 0.00036 are left for the machine")

	terms.Prices[1].Input = 10 // 0.0051 an answer
	c = costs(Cell{Name: "base@S"}, f, 2, terms)
	require.Equal(t, []bool{false, true, true}, c.APIs[0].Dearer)
	require.InDelta(t, 3.6/0.0051/1800, *c.APIs[0].BreakEven, 1e-9)
	require.InDelta(t, 730*3.6/0.0051, c.APIs[0].Months, 1e-6)

	f.Score.N, f.Prompt = 0, 0
	c = costs(Cell{}, f, 2, terms)
	require.Nil(t, c.Machine[0].PerRight)
	require.True(t, c.Incomplete)
	require.Empty(t, c.APIs)
	terms.TrainingHours = 1000
	terms.Prices[1].Input = 0.1
	f.Prompt = 1
	require.Nil(t, costs(Cell{Tuned: true}, f, 2, terms).APIs[0].BreakEven, "the training alone is dearer")
}

func TestTermsAreChecked(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*Terms){
		"needs a name, a currency, a date and a source": func(t *Terms) { t.Prices[1].Date = "" },
		"one currency":          func(t *Terms) { t.Prices[1].Currency = "USD" },
		`no machine "x"`:        func(t *Terms) { t.Machine = "x" },
		"hold no machine":       func(t *Terms) { t.Prices = t.Prices[1:] },
		"must be more than 0":   func(t *Terms) { t.Prices[0].Hour = 0 },
		"must be machine or":    func(t *Terms) { t.Prices[1].Kind = "gift" },
		"must not be negative":  func(t *Terms) { t.TrainingHours = -1 },
		"and the answers not 0": func(t *Terms) { t.Answers = 0 },
	} {
		terms := input().Terms
		require.NoError(t, terms.Check())
		spoil(&terms)
		require.ErrorContains(t, terms.Check(), want)
	}
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	c := CellReport{Cell: Cell{Name: "base@S"}}
	c.All.Score = Rate{Low: 0.49, High: 0.94}
	c.All.Score.N, c.All.Score.Of = 8, 10
	c.All.Total.P95 = 4000
	for _, want := range []struct {
		limit   float64
		verdict string
	}{{0.4, Go}, {0.6, GoUncertain}, {0.9, NoGo}, {0.95, NoGo}} {
		require.Equal(t, want.verdict, Thresholds{MinScore: &want.limit}.judge(c).Verdict, "%v", want.limit)
	}
	require.Equal(t, NotAsked, Thresholds{}.judge(c).Verdict)
	require.Equal(t, NoGo, Thresholds{MaxInjected: new(1.0)}.judge(c).Verdict, "what was not tried is not met")
	require.Equal(t, NoGo, Thresholds{MinScore: new(0.4), MaxTotal: new(3.9)}.judge(c).Verdict)
	v := Thresholds{MinScore: new(0.4), MaxTotal: new(4.0)}.judge(c)
	require.Equal(t, Go, v.Verdict)
	require.Equal(t, Check{"whole answer, 95 %", "at most 4.0 s", "4.0 s", true, true}, v.Checks[1])
	c.All.FalseAnswers = Rate{Low: 0.1, High: 0.3}
	c.All.FalseAnswers.N, c.All.FalseAnswers.Of = 2, 10
	require.Equal(t, GoUncertain, Thresholds{MaxFalse: new(0.25)}.judge(c).Verdict)
	require.Equal(t, Go, Thresholds{MaxFalse: new(0.3)}.judge(c).Verdict)
	require.Equal(t, NoGo, Thresholds{MaxFalse: new(0.1)}.judge(c).Verdict)
}
