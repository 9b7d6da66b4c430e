package parse

import (
	"strings"
	"unicode"
)

// entry is a line of a PDF's outline.
type entry struct {
	title string
	level int
}

// maxOutline is how many entries of an outline are read; it may run in circles.
const maxOutline = 5000

// outline gives the entries by the page they lead to. One that cannot be read is no error:
// the text is there without it.
func (p *pdf) outline(pages int) map[int][]entry {
	found, left := map[int][]entry{}, maxOutline
	var walk func(parent uint64, level int)
	walk = func(parent uint64, level int) {
		for at := p.call(opFirstChild, p.doc, parent); at != 0 && left > 0; at = p.call(opNextSibling, p.doc, at) {
			left--
			if page, title := p.entry(at); title != "" && page >= 0 && page < pages {
				found[page] = append(found[page], entry{title, level})
			}
			if level < 6 {
				walk(at, level+1)
			}
		}
	}
	walk(0, 1)
	return found
}

func (p *pdf) entry(at uint64) (page int, title string) {
	dest := p.call(opDest, p.doc, at)
	if dest == 0 {
		return -1, ""
	}
	return p.count(opDestPage, p.doc, dest), oneLine(p.text(opTitle, at))
}

// headings marks the lines of a page, which lies at offset, that the entries
// name: a line, or two that follow each other, with or without a number before it.
func headings(page string, offset int, entries []entry) []Mark {
	var marks []Mark
	lines := strings.SplitAfter(page, "\n")
	next, at := 0, offset
	for i := 0; i < len(lines) && next < len(entries); i++ {
		for skip := next; skip < len(entries); skip++ { // an entry whose line is not found must not hide the later ones
			n := spans(lines[i:], entries[skip].title)
			if n == 0 {
				continue
			}
			text := strings.Join(lines[i:i+n], "")
			end := at + len(strings.TrimRight(text, "\n"))
			marks = append(marks, Mark{Kind: KindHeading, Start: at, End: end, Level: entries[skip].level, Label: oneLine(text)})
			next = skip + 1
			for _, line := range lines[i : i+n-1] {
				at += len(line)
			}
			i += n - 1
			break
		}
		at += len(lines[i])
	}
	return marks
}

// spans is how many of the first lines make up the title; 0 when they do not.
func spans(lines []string, title string) int {
	want := letters(title)
	if want == "" {
		return 0
	}
	got := ""
	for n := 1; n <= min(3, len(lines)); n++ {
		got += letters(lines[n-1])
		if got == want || strings.TrimLeft(got, "0123456789") == want || got == strings.TrimLeft(want, "0123456789") {
			return n
		}
		if len(got) > len(want)+8 {
			return 0
		}
	}
	return 0
}

// letters is s in lower case without anything but letters and digits.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}
