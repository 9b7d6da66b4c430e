package parse

import (
	"errors"
	"unicode/utf8"
)

// check holds a text against what Text and Mark promise. The parent calls it
// on what a child sent, which it does not trust.
func check(t Text, l Limits) error {
	if len(t.Body) > l.Text {
		return tooLarge(l.Text)
	}
	if len(t.Marks) > maxMarks {
		return fail(CodeLimit, "the document has more than %d headings, tables and pages; split it into smaller documents", maxMarks)
	}
	if !utf8.ValidString(t.Body) || !utf8.ValidString(t.Title) {
		return errors.New("the text is not valid UTF-8")
	}
	last := 0
	for _, m := range t.Marks {
		switch {
		case m.Start < last || m.Start >= m.End || m.End > len(t.Body):
			return errors.New("a mark is out of order or outside the text")
		case !utf8.RuneStart(t.Body[m.Start]) || m.End < len(t.Body) && !utf8.RuneStart(t.Body[m.End]):
			return errors.New("a mark cuts a character")
		case !utf8.ValidString(m.Label):
			return errors.New("a label is not valid UTF-8")
		case m.Kind == KindHeading && (m.Level < 1 || m.Level > 6), m.Kind == KindPage && m.Page < 1:
			return errors.New("a mark has no level or page")
		case m.Kind != KindHeading && m.Kind != KindPage && m.Kind != KindTable && m.Kind != KindCode:
			return errors.New("a mark is of an unknown kind")
		}
		last = m.Start
	}
	return checkAttached(t.Attached, l)
}
