// Package plot lays out lines and intervals as SVG that can be read in black and
// white, on a phone and on paper. It works out the places; the template "plot"
// (Into, with the style sheet CSS) draws them.
package plot

import (
	"fmt"
	"strings"
)

// The size of a plot and its margins, in SVG units.
const (
	plotWidth, plotHeight   = 720.0, 300.0
	left, right, top, below = 64.0, 16.0, 14.0, 42.0
)

// A Style tells lines apart without colour too: by dashes and by markers, so
// that a print in black and white can be read. Colours are those of Okabe and
// Ito, which people with any kind of colour vision can tell apart.
type Style struct{ Colour, Dash, Marker string }

var styles = []Style{
	{"#0072B2", "", "circle"}, {"#D55E00", "7 3", "square"}, {"#009E73", "2 3", "triangle"}, {"#CC79A7", "9 3 2 3", "diamond"},
	{"#E69F00", "12 3", "bar"}, {"#56B4E9", "1 3", "down"},
}

// Line is one line of a plot, in the units of its axes.
type Line struct {
	Name   string
	Points [][2]float64
	Marked bool // each point is a measurement
	Style  int  // 0: that of its place among the lines; else counted from 1, so that a thing looks the same in every plot
}

// Plot is a diagram with what the template needs.
type Plot struct {
	Title, XName, YName string
	Width, Height       float64
	Left, Right, Bottom float64
	X, Y                []Mark
	Lines               []Drawn
	Rows                []Row   // of intervals
	Zero                float64 // where intervals are compared with; 0: nowhere
}

// Mark is a tick in SVG units.
type Mark struct {
	At    float64
	Label string
}

// Drawn is a line in SVG units.
type Drawn struct {
	Name   string
	Style  Style
	Path   string
	Marks  []Symbol
	Legend Symbol
}

// Symbol is a marker in SVG units: a path around its place.
type Symbol struct{ Path, Title string }

// Draw lays lines out between two axes.
func Draw(title string, x, y Axis, lines []Line) Plot {
	p := Plot{Title: title}
	p.Width, p.Height, p.Left, p.Right, p.Bottom = plotWidth, plotHeight, left, plotWidth-right, plotHeight-below
	p.XName, p.YName = x.name, y.name
	px := func(v float64) float64 { return left + x.place(v)*(plotWidth-left-right) }
	py := func(v float64) float64 { return plotHeight - below - y.place(v)*(plotHeight-top-below) }
	for _, t := range x.ticks {
		p.X = append(p.X, Mark{px(t.at), t.label})
	}
	for _, t := range y.ticks {
		p.Y = append(p.Y, Mark{py(t.at), t.label})
	}
	for i, l := range lines {
		d := Drawn{Name: l.Name, Style: styles[i%len(styles)]}
		if l.Style > 0 {
			d.Style = styles[(l.Style-1)%len(styles)]
		}
		d.Legend.Path = shape(d.Style.Marker, 0, 0)
		var path strings.Builder
		for j, at := range l.Points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(j, 1)], px(at[0]), py(at[1]))
			if l.Marked {
				d.Marks = append(d.Marks, Symbol{shape(d.Style.Marker, px(at[0]), py(at[1])), fmt.Sprintf("%s: %s, %s", l.Name, Short(at[0]), Short(at[1]))})
			}
		}
		d.Path = path.String()
		p.Lines = append(p.Lines, d)
	}
	return p
}

// shape is a marker of about 7 units around a point.
func shape(name string, x, y float64) string {
	switch name {
	case "square":
		return fmt.Sprintf("M%.1f %.1fh6v6h-6z", x-3, y-3)
	case "triangle":
		return fmt.Sprintf("M%.1f %.1fl4 7h-8z", x, y-4)
	case "down":
		return fmt.Sprintf("M%.1f %.1fl4 -7h-8z", x, y+4)
	case "bar":
		return fmt.Sprintf("M%.1f %.1fh3v8h-3z", x-1.5, y-4)
	case "diamond":
		return fmt.Sprintf("M%.1f %.1fl4 4l-4 4l-4 -4z", x, y-4)
	}
	return fmt.Sprintf("M%.1f %.1fa3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z", x-3.2, y)
}
