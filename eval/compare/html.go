package compare

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"groundwork/eval/plot"
)

//go:embed report.html
var reportHTML string

var page = template.Must(plot.Into(template.New("report").Funcs(template.FuncMap{
	"percent": percent, "latency": latency, "told": func(v interface{ told() string }) string { return v.told() }, "seconds": seconds, "money": money, "count": count,
	"join": strings.Join, "json": compact, "class": class, "load": percent,
})).Parse(reportHTML))

// shownSides is how many questions are shown side by side; of more, those on which the cells differ come first.
const shownSides = 100

// WriteHTML writes the report as one file that needs nothing else: no script, no font, no image from elsewhere.
func (r Report) WriteHTML(w io.Writer) error {
	view := struct {
		Report
		Style    template.CSS
		Scores   plot.Plot
		Gains    plot.Plot
		Plots    []plot.Plot
		Sides    []Side
		Main     []CellReport // without the gate-off variants
		Overall  []pairRow    // of all questions
		Measures []string
		Tried    bool // safety
		Prices   Price
	}{Report: r, Style: plot.CSS, Scores: r.scores(), Gains: r.gains(), Plots: r.plots(), Sides: r.shown(), Main: r.main(), Overall: r.overall()}
	view.Prices, _ = r.Terms.machine()
	for _, m := range measures() {
		view.Measures = append(view.Measures, m.name)
	}
	view.Tried = slices.ContainsFunc(r.Cells, func(c CellReport) bool { return c.Safety != nil })
	if err := page.Execute(w, view); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// pairRow is what two cells differ by, of all questions.
type pairRow struct {
	A, B, Brings string
	By           map[string]*Difference // by measure
}

func (r Report) overall() []pairRow {
	var out []pairRow
	for _, d := range r.Differences {
		if d.Group != AllQuestions {
			continue
		}
		if n := len(out); n == 0 || out[n-1].A != d.A || out[n-1].B != d.B {
			out = append(out, pairRow{d.A, d.B, d.Brings, map[string]*Difference{}})
		}
		out[len(out)-1].By[d.Measure] = &d
	}
	return out
}

func (r Report) main() []CellReport {
	return slices.DeleteFunc(slices.Clone(r.Cells), func(c CellReport) bool { return c.Open })
}

// scores are the headline scores with their intervals.
func (r Report) scores() plot.Plot {
	var rows []plot.Interval
	for _, c := range r.Cells {
		rows = append(rows, plot.Interval{Name: c.Name, Low: c.All.Score.Low, Mid: c.All.Score.Value(), High: c.All.Score.High, Style: c.Style})
	}
	return plot.Intervals("Right and cited, or rightly refused", "of all questions; bars: 95 % intervals", false, rows, func(i plot.Interval) string {
		return fmt.Sprintf("%s (%.0f–%.0f)", percent(i.Mid), 100*i.Low, 100*i.High)
	})
}

// gains are the differences of the headline score.
func (r Report) gains() plot.Plot {
	var rows []plot.Interval
	for _, d := range r.Differences {
		if d.Group == AllQuestions && d.Measure == "score" {
			rows = append(rows, plot.Interval{Name: d.B + " − " + d.A, Low: d.Low, Mid: d.Mean, High: d.High, Style: 1})
		}
	}
	return plot.Intervals("What each brings", "change of the score; bars: 95 % intervals of the paired bootstrap", true, rows, func(i plot.Interval) string {
		return fmt.Sprintf("%+.0f (%+.0f to %+.0f)", 100*i.Mid, 100*i.Low, 100*i.High)
	})
}

// plots are the distributions of the cells as they are asked in practice.
func (r Report) plots() []plot.Plot {
	return []plot.Plot{
		r.distribution("First token", "seconds", func(c Curves) [][2]float64 { return scaled(c.First, 1000) }),
		r.distribution("Whole answer", "seconds", func(c Curves) [][2]float64 { return scaled(c.Total, 1000) }),
		r.distribution("Prompt", "tokens", func(c Curves) [][2]float64 { return c.Prompt }),
		r.distribution("Answer", "tokens", func(c Curves) [][2]float64 { return c.Answer }),
	}
}

func (r Report) distribution(title, unit string, of func(Curves) [][2]float64) plot.Plot {
	var lines []plot.Line
	most := 0.0
	for _, c := range r.main() {
		points := of(c.Curves)
		for _, p := range points {
			most = max(most, p[1])
		}
		lines = append(lines, plot.Line{Name: c.Name, Points: points, Marked: true, Style: c.Style})
	}
	return plot.Draw(title+" by percentile", plot.FromZero("percentile", 100), plot.FromZero(unit, most), lines)
}

func scaled(points [][2]float64, by float64) [][2]float64 {
	out := make([][2]float64, len(points))
	for i, p := range points {
		out[i] = [2]float64{p[0], p[1] / by}
	}
	return out
}

// shown are the questions that are printed, those that tell most first.
func (r Report) shown() []Side {
	if len(r.Side) <= shownSides {
		return r.Side
	}
	differ := func(s Side) bool {
		return slices.ContainsFunc(s.Cells, func(c SideReply) bool { return c.Good != s.Cells[0].Good })
	}
	out := slices.Clone(r.Side)
	slices.SortStableFunc(out, func(a, b Side) int {
		switch da, db := differ(a), differ(b); {
		case da == db:
			return 0
		case da:
			return -1
		}
		return 1
	})
	return out[:shownSides]
}

func compact(v any) (string, error) {
	raw, err := json.Marshal(v)
	return string(raw), err
}

// class is the style of a difference or verdict.
func class(v any) string {
	switch v := v.(type) {
	case *Difference:
		return class(*v)
	case Difference:
		switch {
		case v.Better():
			return "good"
		case v.Worse():
			return "bad"
		}
	case Verdict:
		return map[string]string{Go: "good", GoUncertain: "unsure", NoGo: "bad"}[v.Verdict]
	case Check:
		switch {
		case !v.Met:
			return "bad"
		case !v.Certain:
			return "unsure"
		}
		return "good"
	}
	return ""
}
