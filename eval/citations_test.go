package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestScoreCitations(t *testing.T) {
	t.Parallel()
	gold := []eval.Gold{{Path: "leave.md", Quote: "You can carry over a maximum of 240 annual leave hours"}, {Path: "pay.md", Quote: "monthly"}}
	right := eval.Citation{Path: "pages/leave.md", Quote: "carry over a  maximum of 240 annual leave hours, from one year", Text: "carry over a  maximum of 240 annual leave hours, from one year"}
	moved := eval.Citation{Path: "pages/leave.md", Quote: "maximum of 240 annual leave hours", Text: "aximum of 240 annual leave hours,"}
	for name, c := range map[string]struct {
		gold  []eval.Gold
		cites []eval.Citation
		want  eval.Citations
	}{
		"one of two quotes":     {gold, []eval.Citation{right}, eval.Citations{Precision: 1, Recall: 0.5, Resolved: 1}},
		"offsets beside it":     {gold, []eval.Citation{right, moved}, eval.Citations{Precision: 1, Recall: 0.5, Resolved: 0.5}},
		"same words, elsewhere": {gold, []eval.Citation{{Path: "old.md", Quote: right.Quote, Text: right.Quote}}, eval.Citations{Resolved: 1}},
		"other words":           {gold, []eval.Citation{{Path: "leave.md", Quote: "Sick leave is another matter", Text: "Sick leave is another matter"}, right}, eval.Citations{Precision: 0.5, Recall: 0.5, Resolved: 1}},
		"outside the text":      {gold, []eval.Citation{{Path: "pay.md", Quote: "monthly"}}, eval.Citations{Precision: 1, Recall: 0.5}},
		"no citations":          {gold, nil, eval.Citations{}},
		"no gold":               {nil, []eval.Citation{right}, eval.Citations{Resolved: 1}},
		"nothing":               {nil, nil, eval.Citations{}},
		"an empty quote":        {gold, []eval.Citation{{Path: "pay.md"}}, eval.Citations{}},
	} {
		require.Equal(t, c.want, eval.ScoreCitations(c.gold, c.cites), name)
	}
}
