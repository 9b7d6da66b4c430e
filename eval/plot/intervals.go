package plot

import (
	"fmt"
	"math"
)

// Interval is a value with its ends. Style is a Line's.
type Interval struct {
	Name           string
	Low, Mid, High float64
	Style          int
}

// Row is an interval in SVG units.
type Row struct {
	Name, Told      string
	Y               float64 // of the interval; its name stands above it
	Low, High       float64
	LowEnd, HighEnd string // paths of the ends
	Mark            Symbol
	Style           Style
}

const rowHeight = 40.0

// Intervals lays rows out below each other, on one axis of shares: 0 to 1 for
// values, around 0 for differences. told words an interval.
func Intervals(title, xName string, differences bool, rows []Interval, told func(Interval) string) Plot {
	from, to := 0.0, 1.0
	if differences {
		most := 0.1
		for _, r := range rows {
			most = max(most, math.Abs(r.Low), math.Abs(r.High))
		}
		to = min(math.Ceil(most*10)/10, 1)
		from = -to
	}
	a := Axis{name: xName, scale: linear, from: from, to: to}
	for i := range 5 {
		at := from + (to-from)*float64(i)/4
		a.ticks = append(a.ticks, tick{at, percent(at)})
	}
	p := Plot{Title: title, XName: xName, Width: plotWidth, Height: top + rowHeight*float64(len(rows)) + below, Left: left / 2, Right: plotWidth - left/2}
	p.Bottom = p.Height - below
	px := func(v float64) float64 { return p.Left + a.place(v)*(p.Right-p.Left) }
	for _, t := range a.ticks {
		p.X = append(p.X, Mark{px(t.at), t.label})
	}
	if differences {
		p.Zero = px(0)
	}
	for i, r := range rows {
		y, style := top+rowHeight*float64(i)+rowHeight*0.7, styles[i%len(styles)]
		if r.Style > 0 {
			style = styles[(r.Style-1)%len(styles)]
		}
		lo, hi := px(r.Low), px(r.High)
		p.Rows = append(p.Rows, Row{Name: r.Name, Told: told(r), Y: y, Low: lo, High: hi, Style: style,
			LowEnd: end(lo, y), HighEnd: end(hi, y), Mark: Symbol{shape(style.Marker, px(r.Mid), y), r.Name + ": " + told(r)}})
	}
	return p
}

func end(x, y float64) string { return fmt.Sprintf("M%.1f %.1fv10", x, y-5) }

// percent is a share as whole percent.
func percent(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }
