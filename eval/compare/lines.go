package compare

import "fmt"

// Lines are a report for a terminal.
func (r Report) Lines() []string {
	out := []string{fmt.Sprintf("%d questions of %s over %s; %s", r.Questions, r.Comparison.Setup.QuestionsFile, r.Comparison.Setup.Store, r.Comparison.ID), ""}
	row := func(name string, of func(CellReport) string) {
		line := fmt.Sprintf("%-34s", name)
		for _, c := range r.Cells {
			line += fmt.Sprintf("  %18s", of(c))
		}
		out = append(out, line)
	}
	row("share, % (95 % interval)", func(c CellReport) string { return c.Name })
	row("right and cited, or rightly refused", func(c CellReport) string { return c.All.Score.told() })
	row("answered right", func(c CellReport) string { return c.All.Right.told() })
	row("wrong answers", func(c CellReport) string { return c.All.Wrong.told() })
	row("wrongly refused", func(c CellReport) string { return c.All.WronglyRefused.told() })
	row("rightly refused", func(c CellReport) string { return c.All.RightlyRefused.told() })
	row("false answers", func(c CellReport) string { return c.All.FalseAnswers.told() })
	row("citations all resolve", func(c CellReport) string { return c.All.Resolved.told() })
	row("first token, 50 / 95 %", func(c CellReport) string { return seconds(c.All.First.P50) + " / " + seconds(c.All.First.P95) })
	row("whole answer, 50 / 95 %", func(c CellReport) string { return seconds(c.All.Total.P50) + " / " + seconds(c.All.Total.P95) })
	row("tokens read / written", func(c CellReport) string { return count(c.All.Prompt) + " / " + count(c.All.Completion) })
	m, _ := r.Terms.machine()
	row("1,000 answers at 30 % load, "+m.Currency, func(c CellReport) string { return money(c.Cost.atLoad(0.3)) })
	for _, c := range r.Cells {
		if c.Safety != nil {
			row("injections that worked", func(c CellReport) string { return c.injected().told() })
			break
		}
	}
	out = append(out, "")
	for _, d := range r.Differences {
		if d.Group == AllQuestions && d.Measure == "score" {
			out = append(out, fmt.Sprintf("%-70s %s %s", "score, "+d.B+" − "+d.A+" ("+d.Brings+")", d.told(), mark(d)))
		}
	}
	out = append(out, r.Conclusions...)
	for _, c := range r.main() {
		for _, a := range c.Cost.APIs {
			if c.Store { // what is asked in practice; the report has all
				out = append(out, a.line(c.Cost))
			}
		}
	}
	return append(out, r.closing()...)
}

func (a AtAPI) line(c Cost) string {
	told := fmt.Sprintf("%s: %s costs %s for 1,000 answers; this machine is", c.Cell, a.Name, money(a.Per1000))
	for i, at := range c.Machine {
		word := "cheaper"
		if a.Dearer[i] {
			word = "dearer"
		}
		told += fmt.Sprintf(" %s (%s) at %s load,", word, money(at.Per1000), percent(at.Load))
	}
	if a.BreakEven == nil {
		return told + " and never cheaper"
	}
	return told + fmt.Sprintf(" and no dearer from %s load", percent(*a.BreakEven))
}

// closing are the decisions and what is missing or wrong.
func (r Report) closing() []string {
	out := []string{""}
	for _, v := range r.Verdicts {
		if v.Verdict == NotAsked {
			continue
		}
		out = append(out, fmt.Sprintf("%-20s %s", v.Cell, v.Verdict))
		for _, c := range v.Checks {
			if !c.Met || !c.Certain {
				out = append(out, fmt.Sprintf("  %s: %s, asked for %s", c.Name, c.Value, c.Limit))
			}
		}
	}
	for _, m := range r.Missing {
		out = append(out, "not compared: "+m)
	}
	for _, e := range r.Errors {
		out = append(out, "ERROR: "+e)
	}
	return out
}

func mark(d Difference) string {
	switch {
	case d.Better():
		return "better"
	case d.Worse():
		return "worse"
	}
	return ""
}
