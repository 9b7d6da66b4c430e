package parse

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// listRef is where a paragraph stands in a list.
type listRef struct {
	id    string // of the list; "0" takes a paragraph out of its style's list
	level int
	set   bool // the level is its own, not the style's
}

func (l *listRef) read(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "numId":
			l.id = attrOf(e, "val")
		case "ilvl":
			l.level, l.set = levelOf(e, "val"), true
		}
		return x.skip()
	}, nil)
}

// levels is how deep Word's lists go.
const levels = 9

func levelOf(e xml.StartElement, name string) int {
	n, err := strconv.Atoi(attrOf(e, name))
	if err != nil {
		return 0
	}
	return min(max(n, 0), levels-1)
}

// numbering knows the lists and counts their items.
type numbering struct {
	kinds    map[string]*[levels]numberLevel // by the id of their definition
	lists    map[string]string               // definition of a list
	counters map[string]*[levels]int
}

type numberLevel struct {
	format string // decimal, lowerLetter, bullet …
	text   string // such as "%1.%2."
	start  int
	style  string // heading style that this level numbers
}

func (d *docx) readNumbering(x *xmlReader) error {
	d.numbers = numbering{kinds: map[string]*[levels]numberLevel{}, lists: map[string]string{}, counters: map[string]*[levels]int{}}
	return each(x, func(e xml.StartElement) error {
		switch e.Name.Local {
		case "abstractNum":
			kind := &[levels]numberLevel{}
			d.numbers.kinds[attrOf(e, "abstractNumId")] = kind
			return x.children(func(e xml.StartElement) error {
				if e.Name.Local != "lvl" {
					return x.skip()
				}
				return kind[levelOf(e, "ilvl")].read(x)
			}, nil)
		case "num":
			id := attrOf(e, "numId")
			return x.children(func(e xml.StartElement) error {
				if e.Name.Local == "abstractNumId" {
					d.numbers.lists[id] = attrOf(e, "val")
				}
				return x.skip()
			}, nil)
		}
		return x.skip()
	})
}

func (l *numberLevel) read(x *xmlReader) error {
	l.start = 1
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "start":
			if n, err := strconv.Atoi(attrOf(e, "val")); err == nil {
				l.start = n
			}
		case "numFmt":
			l.format = attrOf(e, "val")
		case "lvlText":
			l.text = attrOf(e, "val")
		case "pStyle":
			l.style = attrOf(e, "val")
		}
		return x.skip()
	}, nil)
}

// label counts a paragraph in its list and gives the bullet or number that
// Word shows before it, indented by its level; "" outside lists.
func (d *docx) label(p *paragraph) string {
	s := d.style(p.style)
	ref := p.list
	if ref.id == "" {
		ref.id = s.list.id
	}
	kind := d.numbers.kinds[d.numbers.lists[ref.id]]
	if ref.id == "" || ref.id == "0" || kind == nil {
		return ""
	}
	if !ref.set {
		ref.level = s.list.level
		for i, l := range kind {
			if l.style != "" && l.style == p.style {
				ref.level = i
			}
		}
	}
	number := d.numbers.count(d.numbers.lists[ref.id], kind, ref.level)
	if s.level > 0 || p.outline >= 0 {
		if number == "-" {
			return ""
		}
		return strings.TrimLeft(number+" ", " ")
	}
	if number == "" {
		return ""
	}
	return strings.Repeat("  ", ref.level) + number + " "
}

// count moves the counter of a level on and writes the number.
func (n *numbering) count(list string, kind *[levels]numberLevel, level int) string {
	c := n.counters[list]
	if c == nil {
		c = &[levels]int{}
		n.counters[list] = c
	}
	c[level]++
	for i := level + 1; i < levels; i++ {
		c[i] = 0
	}
	l := kind[level]
	switch l.format {
	case "bullet":
		return "-"
	case "none", "":
		return ""
	}
	text := l.text
	for i := range level + 1 {
		value := kind[i].start + max(c[i], 1) - 1
		format := kind[i].format
		text = strings.ReplaceAll(text, "%"+strconv.Itoa(i+1), number(value, format))
	}
	if len(text) > maxNumber {
		return ""
	}
	return strings.TrimSpace(text)
}

// maxNumber is the longest number of a list item, in bytes.
const maxNumber = 60

// number writes n, which is small, in one of Word's formats; unknown ones are decimal.
func number(n int, format string) string {
	if n < 1 || n > 10_000 {
		return strconv.Itoa(n)
	}
	switch format {
	case "lowerLetter":
		return strings.Repeat(string(rune('a'+(n-1)%26)), min((n-1)/26+1, 5))
	case "upperLetter":
		return strings.Repeat(string(rune('A'+(n-1)%26)), min((n-1)/26+1, 5))
	case "lowerRoman":
		return strings.ToLower(roman(n))
	case "upperRoman":
		return roman(n)
	}
	return strconv.Itoa(n)
}

func roman(n int) string {
	var b strings.Builder
	for _, d := range []struct {
		value int
		sign  string
	}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for ; n >= d.value; n -= d.value {
			b.WriteString(d.sign)
		}
	}
	return b.String()
}
