package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"

	"groundwork/eval/plot"
)

//go:embed report.html
var reportHTML string

var page = template.Must(plot.Into(template.New("report").Funcs(template.FuncMap{"ms": milliseconds, "short": plot.Short, "rate": rate})).Parse(reportHTML))

// Report is what one HTML file shows: one run, or the steps of a sweep.
type Report struct {
	Title  string    `json:"title"`
	Target string    `json:"target"`
	At     time.Time `json:"at"`
	Mix    Mix       `json:"mix"`
	Keys   int       `json:"keys"`
	Knee   *Knee     `json:"knee,omitempty"` // of a sweep
	Runs   []Result  `json:"runs"`           // at least one
}

// WriteHTML writes the report as one file that needs nothing else: no script,
// no font, no image from elsewhere.
func (r Report) WriteHTML(w io.Writer) error {
	shown := r.shown()
	view := struct {
		Report
		Shown Result
		Rows  []row
		Plots []plot.Plot
		Many  bool
		Style template.CSS
	}{r, shown, shown.rows(), []plot.Plot{latencies(shown), throughput(shown)}, len(r.Runs) > 1, plot.CSS}
	if view.Many {
		view.Plots = append([]plot.Plot{achieved(r), bounds(r)}, view.Plots...)
	}
	if err := page.Execute(w, view); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// shown is the run whose details are drawn: of a sweep the one at the knee.
func (r Report) shown() Result {
	last := r.Runs[len(r.Runs)-1]
	for _, run := range r.Runs {
		if r.Knee != nil && run.Rate == r.Knee.Rate {
			return run
		}
	}
	return last
}

// latencies is latency by percentile.
func latencies(r Result) plot.Plot {
	var lines []plot.Line
	low, high, most := math.Inf(1), 0.0, 0.0
	add := func(name string, l Latency) {
		if len(l.Curve) == 0 {
			return
		}
		lines = append(lines, plot.Line{Name: name, Points: l.Curve, Marked: true})
		last := l.Curve[len(l.Curve)-1]
		low, high, most = min(low, l.Curve[0][1]), max(high, last[1]), max(most, last[0])
	}
	for _, k := range r.Kinds {
		if k.Kind == Ask {
			add("ask: whole answer", k.TotalMs)
			add("ask: first token", k.FirstMs)
			continue
		}
		add(string(k.Kind), k.TotalMs)
	}
	if len(lines) == 0 {
		low, high = 1, 10
	}
	return plot.Draw("Latency by percentile", plot.Nines(most), plot.Powers("milliseconds", low, high), lines)
}

// throughput is what was offered and what came back, second by second.
func throughput(r Result) plot.Plot {
	lines := []plot.Line{{Name: "offered"}, {Name: "complete"}, {Name: "refused (429, 503)"}, {Name: "failed"}}
	most := 0.0
	for i, s := range r.Timeline {
		for j, n := range []int{s.Offered, s.OK, s.Refused, s.Failed} {
			lines[j].Points = append(lines[j].Points, [2]float64{float64(i), float64(n)})
			most = max(most, float64(n))
		}
	}
	return plot.Draw("Requests in each second", plot.FromZero("seconds", float64(len(r.Timeline)-1)), plot.FromZero("requests a second", most), lines)
}

// achieved is what was done of what was offered, step by step.
func achieved(r Report) plot.Plot {
	ideal, got, most := plot.Line{Name: "offered"}, plot.Line{Name: "achieved", Marked: true}, 0.0
	for _, run := range byRate(r.Runs) {
		ideal.Points = append(ideal.Points, [2]float64{run.Rate, run.Rate})
		got.Points = append(got.Points, [2]float64{run.Rate, run.Achieved})
		most = max(most, run.Rate, run.Achieved)
	}
	return plot.Draw("Achieved by offered rate", plot.FromZero("requests offered a second", most), plot.FromZero("requests done a second", most), []plot.Line{ideal, got})
}

// bounds is the 99th percentile by rate.
func bounds(r Report) plot.Plot {
	p99, bound := plot.Line{Name: "99th percentile", Marked: true}, plot.Line{Name: "bound"}
	low, high, most := math.Inf(1), 0.0, 0.0
	for _, run := range byRate(r.Runs) {
		p99.Points = append(p99.Points, [2]float64{run.Rate, run.P99()})
		low, high, most = min(low, run.P99()), max(high, run.P99()), max(most, run.Rate)
	}
	if r.Knee != nil {
		low, high = min(low, r.Knee.BoundMs), max(high, r.Knee.BoundMs)
		bound.Points = [][2]float64{{0, r.Knee.BoundMs}, {most, r.Knee.BoundMs}}
	}
	return plot.Draw("99th percentile by offered rate", plot.FromZero("requests offered a second", most), plot.Powers("milliseconds", low, high), []plot.Line{p99, bound})
}
