package parse

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	gmtext "github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// readMarkdown keeps the source, markup, front matter and shortcodes and all,
// and marks its headings, tables and code blocks.
func readMarkdown(data []byte, mediaType string, l Limits) (Text, error) {
	body, err := source(data, mediaType, l)
	if err != nil {
		return Text{}, err
	}
	src, title := []byte(body), ""
	if end := frontMatter(body); end > 0 {
		title = matterTitle(body[:end])
		// Blanked, or its last line would be taken for a heading.
		for i := range src[:end] {
			if src[i] != '\n' {
				src[i] = ' '
			}
		}
	}
	if nested(src, l.Depth) {
		return Text{}, tooDeep(l.Depth)
	}
	m := marker{src: src}
	doc := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithHeadingAttribute())).
		Parser().Parse(gmtext.NewReader(src))
	if err := ast.Walk(doc, m.visit); err != nil {
		return Text{}, err
	}
	if title == "" {
		title = firstHeading(m.marks)
	}
	return Text{Body: body, Title: oneLine(title), Marks: m.marks}, nil
}

// nested is true when a line opens more than limit quotes and lists in one
// another: the parser's time and stack grow with them.
func nested(src []byte, limit int) bool {
	for line := range bytes.Lines(src) {
		open := 0
		for i, c := range line {
			item := (c == '-' || c == '*' || c == '+') && i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t')
			if c != ' ' && c != '\t' && c != '>' && !item {
				break
			}
			if c == '>' || item {
				open++
			}
		}
		if open > limit && len(bytes.Trim(line, "-*+ \t\n")) > 0 {
			return true
		}
	}
	return false
}

// frontMatter is the length of the YAML block that the text begins with, 0 without one.
func frontMatter(body string) int {
	first, rest, _ := strings.Cut(body, "\n")
	if !strings.HasPrefix(first, "---") || strings.Trim(first, "-abcdefghijklmnopqrstuvwxyz \t") != "" || strings.HasPrefix(first, "----") {
		return 0
	}
	at := len(first) + 1
	for line := range strings.Lines(rest) {
		at += len(line)
		if line = strings.TrimRight(line, " \t\n"); line == "---" || line == "..." {
			return at
		}
	}
	return 0
}

var titleLine = regexp.MustCompile(`(?m)^title:[ \t]*(.+?)[ \t]*$`)

// matterTitle is the value of the title key, without quotes; block scalars are not titles.
func matterTitle(matter string) string {
	m := titleLine.FindStringSubmatch(matter)
	if m == nil || strings.ContainsAny(m[1][:1], "|>&*{[") {
		return ""
	}
	value := m[1]
	if q := value[0]; q == '"' || q == '\'' {
		if end := strings.LastIndexByte(value[1:], q); end >= 0 {
			value = value[1 : 1+end]
			if q == '\'' {
				return strings.ReplaceAll(value, "''", "'")
			}
			return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value)
		}
	}
	if i := strings.Index(value, " #"); i >= 0 {
		value = value[:i]
	}
	return value
}

// marker collects marks from a parsed Markdown document.
type marker struct {
	src   []byte
	marks []Mark
	end   int // of the last mark
}

func (m *marker) visit(n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	switch n := n.(type) {
	case *ast.Heading:
		m.heading(n)
		return ast.WalkSkipChildren, nil
	case *ast.FencedCodeBlock:
		m.fenced(n)
	case *ast.CodeBlock:
		if lines := n.Lines(); lines.Len() > 0 {
			m.mark(Mark{Kind: KindCode, Start: m.lineStart(lines.At(0).Start), End: m.lineEnd(lines.At(lines.Len()-1).Stop - 1)})
		}
	case *tables.Table:
		m.table(n)
		return ast.WalkSkipChildren, nil
	}
	if n.Type() == ast.TypeInline {
		return ast.WalkSkipChildren, nil
	}
	return ast.WalkContinue, nil
}

// mark keeps marks in order and apart.
func (m *marker) mark(mark Mark) {
	if mark.Start >= m.end && mark.Start < mark.End && len(m.marks) <= maxMarks {
		m.marks = append(m.marks, mark)
		m.end = mark.End
	}
}

func (m *marker) heading(n *ast.Heading) {
	lines := n.Lines()
	label := oneLine(inlineText(n, m.src))
	if lines.Len() == 0 || label == "" {
		return
	}
	start, end := m.lineStart(lines.At(0).Start), m.lineEnd(lines.At(lines.Len()-1).Start)
	if hashes := bytes.IndexByte(m.src[start:lines.At(0).Start], '#') >= 0; !hashes && end < len(m.src) {
		if next := m.src[end+1 : m.lineEnd(end+1)]; underline(next) {
			end += 1 + len(next)
		}
	}
	m.mark(Mark{Kind: KindHeading, Start: start, End: end, Level: n.Level, Label: label})
}

// underline is true for the second line of a setext heading.
func underline(line []byte) bool {
	line = bytes.Trim(line, " \t>")
	return len(line) > 0 && (len(bytes.Trim(line, "=")) == 0 || len(bytes.Trim(line, "-")) == 0)
}

// fenced covers the fences too.
func (m *marker) fenced(n *ast.FencedCodeBlock) {
	lines := n.Lines()
	if lines.Len() == 0 {
		return
	}
	start := m.lineStart(lines.At(0).Start)
	if start > 0 {
		start = m.lineStart(start - 1)
	}
	end := m.lineEnd(lines.At(lines.Len()-1).Stop - 1)
	if end < len(m.src) {
		next := bytes.Trim(m.src[end+1:m.lineEnd(end+1)], " \t>")
		if bytes.HasPrefix(next, []byte("```")) || bytes.HasPrefix(next, []byte("~~~")) {
			end = m.lineEnd(end + 1)
		}
	}
	m.mark(Mark{Kind: KindCode, Start: start, End: end})
}

func (m *marker) table(n *tables.Table) {
	start, end := -1, -1
	var header []string
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			if row.Kind() == tables.KindTableHeader {
				header = append(header, oneLine(inlineText(cell, m.src)))
			}
			if lines := cell.Lines(); lines.Len() > 0 {
				if start < 0 {
					start = m.lineStart(lines.At(0).Start)
				}
				end = m.lineEnd(lines.At(lines.Len() - 1).Start)
			}
		}
	}
	if start < 0 {
		return
	}
	if bytes.Count(m.src[start:end], []byte("\n")) == 0 && end < len(m.src) {
		end = m.lineEnd(end + 1) // the line under the header
	}
	m.mark(Mark{Kind: KindTable, Start: start, End: end, Label: oneLine(strings.Join(header, " | "))})
}

// lineStart and lineEnd are the bounds of the line that at lies in, without its line end.
func (m *marker) lineStart(at int) int {
	return bytes.LastIndexByte(m.src[:min(max(at, 0), len(m.src))], '\n') + 1
}

func (m *marker) lineEnd(at int) int {
	at = min(max(at, 0), len(m.src))
	if i := bytes.IndexByte(m.src[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(m.src)
}

// inlineText is what a reader sees of the inline elements under n.
func inlineText(n ast.Node, src []byte) string {
	var b strings.Builder
	var walk func(ast.Node)
	walk = func(n ast.Node) {
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			switch c := c.(type) {
			case *ast.Text:
				b.Write(plainText(c, src))
				if c.SoftLineBreak() || c.HardLineBreak() {
					b.WriteByte(' ')
				}
			case *ast.String:
				b.Write(c.Value)
			case *ast.AutoLink:
				b.Write(c.Label(src))
			case *ast.RawHTML:
			default:
				walk(c)
			}
		}
	}
	walk(n)
	return b.String()
}

// plainText resolves escapes and entities, but not in code.
func plainText(t *ast.Text, src []byte) []byte {
	if t.IsRaw() || t.Parent() != nil && t.Parent().Kind() == ast.KindCodeSpan {
		return t.Value(src)
	}
	return util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(t.Value(src))))
}
