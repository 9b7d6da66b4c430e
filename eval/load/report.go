package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"
)

//go:embed report.html
var reportHTML string

var page = template.Must(template.New("report").Funcs(template.FuncMap{"ms": milliseconds, "short": short, "rate": rate}).Parse(reportHTML))

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
		Plots []plot
		Many  bool
	}{r, shown, shown.rows(), []plot{latencies(shown), throughput(shown)}, len(r.Runs) > 1}
	if view.Many {
		view.Plots = append([]plot{achieved(r), bounds(r)}, view.Plots...)
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
func latencies(r Result) plot {
	var lines []line
	low, high, most := math.Inf(1), 0.0, 0.0
	add := func(name string, l Latency) {
		if len(l.Curve) == 0 {
			return
		}
		lines = append(lines, line{Name: name, Points: l.Curve, Marked: true})
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
	p := plot{Title: "Latency by percentile"}
	p.draw(nines(most), powers("milliseconds", low, high), lines)
	return p
}

// throughput is what was offered and what came back, second by second.
func throughput(r Result) plot {
	lines := []line{{Name: "offered"}, {Name: "complete"}, {Name: "refused (429, 503)"}, {Name: "failed"}}
	most := 0.0
	for i, s := range r.Timeline {
		for j, n := range []int{s.Offered, s.OK, s.Refused, s.Failed} {
			lines[j].Points = append(lines[j].Points, [2]float64{float64(i), float64(n)})
			most = max(most, float64(n))
		}
	}
	p := plot{Title: "Requests in each second"}
	p.draw(fromZero("seconds", float64(len(r.Timeline)-1)), fromZero("requests a second", most), lines)
	return p
}

// achieved is what was done of what was offered, step by step.
func achieved(r Report) plot {
	ideal, got, most := line{Name: "offered"}, line{Name: "achieved", Marked: true}, 0.0
	for _, run := range byRate(r.Runs) {
		ideal.Points = append(ideal.Points, [2]float64{run.Rate, run.Rate})
		got.Points = append(got.Points, [2]float64{run.Rate, run.Achieved})
		most = max(most, run.Rate, run.Achieved)
	}
	p := plot{Title: "Achieved by offered rate"}
	p.draw(fromZero("requests offered a second", most), fromZero("requests done a second", most), []line{ideal, got})
	return p
}

// bounds is the 99th percentile by rate.
func bounds(r Report) plot {
	p99, bound := line{Name: "99th percentile", Marked: true}, line{Name: "bound"}
	low, high, most := math.Inf(1), 0.0, 0.0
	for _, run := range byRate(r.Runs) {
		p99.Points = append(p99.Points, [2]float64{run.Rate, run.P99()})
		low, high, most = min(low, run.P99()), max(high, run.P99()), max(most, run.Rate)
	}
	if r.Knee != nil {
		low, high = min(low, r.Knee.BoundMs), max(high, r.Knee.BoundMs)
		bound.Points = [][2]float64{{0, r.Knee.BoundMs}, {most, r.Knee.BoundMs}}
	}
	p := plot{Title: "99th percentile by offered rate"}
	p.draw(fromZero("requests offered a second", most), powers("milliseconds", low, high), []line{p99, bound})
	return p
}
