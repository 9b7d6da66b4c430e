package eval

import (
	"html/template"
	"io"
	"strconv"
	"strings"
)

// Plot is a square diagram whose axes both go from 0 to 1.
type Plot struct {
	Title, XName, YName string
	Points              [][2]float64
	Marked              map[string][2]float64 // named points
	Diagonal            bool                  // of what a coin would do
}

// Page is an HTML page of plots and lines of text that needs nothing from anywhere else.
type Page struct {
	Title string
	Lines []string
	Plots []Plot
}

// WriteHTML writes the page.
func (p Page) WriteHTML(w io.Writer) error { return page.Execute(w, p) }

// ROC is the curve of right refusals against false ones.
func ROC(curve []Point, marked map[string]Point) Plot {
	p := Plot{Title: "Refusals (ROC)", XName: "answerable and refused", YName: "unanswerable and refused", Diagonal: true, Marked: map[string][2]float64{}}
	for _, c := range curve {
		p.Points = append(p.Points, [2]float64{c.FalseRefusals, 1 - c.FalseAnswers})
	}
	for name, c := range marked {
		p.Marked[name] = [2]float64{c.FalseRefusals, 1 - c.FalseAnswers}
	}
	return p
}

// Risk is the curve of wrong answers against answered questions.
func Risk(points []RiskPoint) Plot {
	p := Plot{Title: "Risk and coverage", XName: "questions answered (coverage)", YName: "answers not right (risk)"}
	for _, r := range points {
		p.Points = append(p.Points, [2]float64{r.Coverage, r.Risk})
	}
	return p
}

// side is the length of an axis in SVG units.
const side = 320

func (p Plot) at(v [2]float64) (x, y string) {
	return strconv.FormatFloat(v[0]*side, 'f', 1, 64), strconv.FormatFloat((1-v[1])*side, 'f', 1, 64)
}

// Path is the line through the points, for the template.
func (p Plot) Path() string {
	var b strings.Builder
	for i, v := range p.Points {
		x, y := p.at(v)
		b.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + x + " " + y)
	}
	return b.String()
}

// Mark is a named point in SVG units.
type Mark struct{ Name, X, Y string }

// Marks are the named points, for the template.
func (p Plot) Marks() []Mark {
	var out []Mark
	for name, v := range p.Marked {
		x, y := p.at(v)
		out = append(out, Mark{name, x, y})
	}
	return out
}

// Ticks are the quarters of an axis, for the template.
func (Plot) Ticks() []Mark {
	var out []Mark
	for _, percent := range []int{0, 25, 50, 75, 100} {
		out = append(out, Mark{strconv.Itoa(percent) + " %", strconv.Itoa(percent * side / 100), strconv.Itoa(side - percent*side/100)})
	}
	return out
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
pre{font:13px/1.5 ui-monospace,monospace}figure{display:inline-block;margin:1rem 2rem 1rem 0}svg text{font:11px system-ui,sans-serif;fill:#444}</style></head>
<body><h1>{{.Title}}</h1>
<pre>{{range .Lines}}{{.}}
{{end}}</pre>
{{range .Plots}}<figure><figcaption>{{.Title}}</figcaption>
<svg width="430" height="400" viewBox="-60 -20 430 400" role="img" aria-label="{{.Title}}: {{.YName}} against {{.XName}}">
<rect width="320" height="320" fill="none" stroke="#bbb"/>
{{range .Ticks}}<line x1="{{.X}}" x2="{{.X}}" y1="0" y2="320" stroke="#eee"/><line y1="{{.Y}}" y2="{{.Y}}" x1="0" x2="320" stroke="#eee"/>
<text x="{{.X}}" y="336" text-anchor="middle">{{.Name}}</text><text x="-6" y="{{.Y}}" text-anchor="end" dominant-baseline="middle">{{.Name}}</text>
{{end}}{{if .Diagonal}}<line x1="0" y1="320" x2="320" y2="0" stroke="#999" stroke-dasharray="2 4"/>{{end}}
<path d="{{.Path}}" fill="none" stroke="#0072B2" stroke-width="2"/>
{{range .Marks}}<circle cx="{{.X}}" cy="{{.Y}}" r="4" fill="#D55E00"/><text x="{{.X}}" y="{{.Y}}" dx="8" dy="14">{{.Name}}</text>
{{end}}<text x="160" y="356" text-anchor="middle">{{.XName}}</text><text transform="translate(-48 160) rotate(-90)" text-anchor="middle">{{.YName}}</text>
</svg></figure>
{{end}}</body></html>
`))
