package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The size of a plot and its margins, in SVG units.
const (
	plotWidth, plotHeight   = 720.0, 300.0
	left, right, top, below = 64.0, 16.0, 14.0, 42.0
)

// A style tells lines apart without colour too: by dashes and by markers, so
// that a print in black and white can be read. Colours are those of Okabe and
// Ito, which people with any kind of colour vision can tell apart.
type style struct{ Colour, Dash, Marker string }

var styles = []style{
	{"#0072B2", "", "circle"}, {"#D55E00", "7 3", "square"}, {"#009E73", "2 3", "triangle"}, {"#CC79A7", "9 3 2 3", "diamond"},
}

// line is one line of a plot, in the units of its axes.
type line struct {
	Name   string
	Points [][2]float64
	Marked bool // each point is a measurement
}

// axis maps values to a plot.
type axis struct {
	name  string
	scale func(float64) float64 // monotone
	ticks []tick
	from  float64
	to    float64
}

type tick struct {
	at    float64
	label string
}

// place is the share of the axis at v, 0 to 1.
func (a axis) place(v float64) float64 {
	lo, hi := a.scale(a.from), a.scale(a.to)
	if hi == lo {
		return 0
	}
	return min(max((a.scale(v)-lo)/(hi-lo), 0), 1)
}

// plot is a diagram with what the template needs.
type plot struct {
	Title, XName, YName string
	Width, Height       float64
	Left, Right, Bottom float64
	X, Y                []mark
	Lines               []drawn
}

// mark is a tick in SVG units.
type mark struct {
	At    float64
	Label string
}

// drawn is a line in SVG units.
type drawn struct {
	Name   string
	Style  style
	Path   string
	Marks  []symbol
	Legend symbol
}

// symbol is a marker in SVG units: a path around its place.
type symbol struct{ Path, Title string }

func (p *plot) draw(x, y axis, lines []line) {
	p.Width, p.Height, p.Left, p.Right, p.Bottom = plotWidth, plotHeight, left, plotWidth-right, plotHeight-below
	p.XName, p.YName = x.name, y.name
	px := func(v float64) float64 { return left + x.place(v)*(plotWidth-left-right) }
	py := func(v float64) float64 { return plotHeight - below - y.place(v)*(plotHeight-top-below) }
	for _, t := range x.ticks {
		p.X = append(p.X, mark{px(t.at), t.label})
	}
	for _, t := range y.ticks {
		p.Y = append(p.Y, mark{py(t.at), t.label})
	}
	for i, l := range lines {
		d := drawn{Name: l.Name, Style: styles[i%len(styles)]}
		d.Legend.Path = shape(d.Style.Marker, 0, 0)
		var path strings.Builder
		for j, at := range l.Points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(j, 1)], px(at[0]), py(at[1]))
			if l.Marked {
				d.Marks = append(d.Marks, symbol{shape(d.Style.Marker, px(at[0]), py(at[1])), fmt.Sprintf("%s: %s, %s", l.Name, short(at[0]), short(at[1]))})
			}
		}
		d.Path = path.String()
		p.Lines = append(p.Lines, d)
	}
}

// shape is a marker of about 7 units around a point.
func shape(name string, x, y float64) string {
	switch name {
	case "square":
		return fmt.Sprintf("M%.1f %.1fh6v6h-6z", x-3, y-3)
	case "triangle":
		return fmt.Sprintf("M%.1f %.1fl4 7h-8z", x, y-4)
	case "diamond":
		return fmt.Sprintf("M%.1f %.1fl4 4l-4 4l-4 -4z", x, y-4)
	}
	return fmt.Sprintf("M%.1f %.1fa3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z", x-3.2, y)
}

// short is a number for people: three digits that count.
func short(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func linear(v float64) float64 { return v }

// fromZero is a linear axis from 0 to at least most.
func fromZero(name string, most float64) axis {
	step := 1.0
	if most > 0 {
		step = math.Pow(10, math.Floor(math.Log10(most/4)))
		for _, m := range []float64{2, 5, 10} {
			if most/step > 6 {
				step = math.Pow(10, math.Floor(math.Log10(most/4))) * m
			}
		}
	}
	a := axis{name: name, scale: linear, to: step}
	for at := 0.0; ; at += step {
		a.ticks, a.to = append(a.ticks, tick{at, short(at)}), at
		if at >= most && at > 0 {
			return a
		}
	}
}

// powers is a logarithmic axis over whole powers of ten around the values.
func powers(name string, low, high float64) axis {
	low, high = max(low, 0.001), max(high, 0.01)
	from := math.Floor(math.Log10(low))
	to := max(math.Ceil(math.Log10(high)), from+1)
	a := axis{name: name, scale: math.Log10, from: math.Pow(10, from), to: math.Pow(10, to)}
	for e := from; e <= to; e++ {
		a.ticks = append(a.ticks, tick{math.Pow(10, e), short(math.Pow(10, e))})
	}
	return a
}

// nines is the axis of percentiles: the same room for 0 to 90, 90 to 99, 99 to 99.9 …
func nines(most float64) axis {
	a := axis{name: "percentile", scale: func(p float64) float64 { return -math.Log10(1 - min(p, 99.999)/100) }, to: max(most, 90)}
	for _, p := range []float64{0, 50, 75, 90, 95, 99, 99.9, 99.99} {
		if p <= a.to {
			a.ticks = append(a.ticks, tick{p, short4(p)})
		}
	}
	return a
}

func short4(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
