package plot

import (
	"html/template"
	"io"
)

// Page is an HTML page of plots under lines of text. It needs nothing from anywhere else.
type Page struct {
	Title string
	Lines []string
	Plots []Plot
}

// Style is the style sheet of its plots, for the template.
func (Page) Style() template.CSS { return CSS }

// WriteHTML writes the page.
func (p Page) WriteHTML(w io.Writer) error { return page.Execute(w, p) }

var page = Into(template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title>
<style>body { font: 15px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
{{.Style}}</style></head>
<body><h1>{{.Title}}</h1>
{{range .Lines}}<p>{{.}}</p>
{{end}}{{range .Plots}}{{template "plot" .}}
{{end}}</body></html>
`)))
