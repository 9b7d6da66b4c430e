package plot

import (
	_ "embed"
	"html/template"
)

//go:embed plot.html
var html string

// CSS is the style of plots. Below 40rem the letters grow as the drawing shrinks.
const CSS template.CSS = `figure { margin: 0 0 1rem; break-inside: avoid; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; }
.grid { stroke: #ddd; } .axis { stroke: #333; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0; list-style: none; }
.legend svg { width: 46px; height: 14px; vertical-align: middle; }
@media (max-width: 40rem) { svg { font-size: 19px; } }`

// Into adds the template "plot" to t. It takes a Plot.
func Into(t *template.Template) *template.Template {
	template.Must(t.New("plot").Parse(html))
	return t
}
