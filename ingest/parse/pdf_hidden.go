package parse

import (
	"strings"
	"unicode"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/responses"
)

// maxObjects is how many objects of a document are looked at: each costs
// memory until its end. What follows is read as it is.
const maxObjects = 500_000

// maxBackgrounds is how many areas of a page may stand behind white text.
const maxBackgrounds = 2000

// An area of a page, in its units.
type area struct{ left, bottom, right, top float32 }

func (a area) meets(b area) bool {
	return a.left < b.right && b.left < a.right && a.bottom < b.top && b.bottom < a.top
}

// covers is true when the middle of b lies in a.
func (a area) covers(b area) bool {
	x, y := (b.left+b.right)/2, (b.bottom+b.top)/2
	return a.left <= x && x <= a.right && a.bottom <= y && y <= a.top
}

// hidden gives the texts on a page that nobody sees: white or transparent ones
// without anything behind them, and ones of less than a point. The invisible
// text over a scan is what can be read of it, and stays.
func (p *pdf) hidden(page requests.Page) []references.FPDF_PAGEOBJECT {
	count, err := p.reader.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: page})
	if err != nil {
		return nil // the text is there without it
	}
	var found, white []references.FPDF_PAGEOBJECT
	var before [][]references.FPDF_PAGEOBJECT // what was drawn before each white text, in stretches
	var drawn []references.FPDF_PAGEOBJECT
	for i := 0; i < count.Count && p.objects < maxObjects; i++ {
		p.objects++
		got, err := p.reader.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: page, Index: i})
		if err != nil {
			continue
		}
		object := got.PageObject
		kind, err := p.reader.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: object})
		switch {
		case err != nil:
		case kind.Type != enums.FPDF_PAGEOBJ_TEXT:
			if len(drawn) < maxBackgrounds {
				drawn = append(drawn, object)
			}
		case p.tiny(object):
			found = append(found, object)
		case p.white(object):
			white = append(white, object)
			before = append(before, drawn)
		}
	}
	return append(found, p.uncovered(white, before)...)
}

func (p *pdf) white(object references.FPDF_PAGEOBJECT) bool {
	c, err := p.reader.FPDFPageObj_GetFillColor(&requests.FPDFPageObj_GetFillColor{PageObject: object})
	return err == nil && (c.FillColor.A < 8 || c.FillColor.R > 248 && c.FillColor.G > 248 && c.FillColor.B > 248)
}

// tiny asks for the size first: hardly any text has to be measured then.
func (p *pdf) tiny(object references.FPDF_PAGEOBJECT) bool {
	size, err := p.reader.FPDFTextObj_GetFontSize(&requests.FPDFTextObj_GetFontSize{PageObject: object})
	if err != nil || size.FontSize > 1.5 {
		return false
	}
	a, ok := p.bounds(object)
	return ok && a.top-a.bottom < 1 && a.right-a.left < 40
}

func (p *pdf) bounds(object references.FPDF_PAGEOBJECT) (area, bool) {
	b, err := p.reader.FPDFPageObj_GetBounds(&requests.FPDFPageObj_GetBounds{PageObject: object})
	if err != nil {
		return area{}, false
	}
	return area{b.Left, b.Bottom, b.Right, b.Top}, true
}

// uncovered are those white texts behind which nothing was drawn before.
func (p *pdf) uncovered(white []references.FPDF_PAGEOBJECT, before [][]references.FPDF_PAGEOBJECT) []references.FPDF_PAGEOBJECT {
	var out []references.FPDF_PAGEOBJECT
	var areas []area
	measured := 0
	for i, object := range white {
		for ; measured < len(before[i]); measured++ {
			if a, ok := p.bounds(before[i][measured]); ok && p.filled(before[i][measured]) {
				areas = append(areas, a)
			}
		}
		a, ok := p.bounds(object)
		for _, b := range areas {
			ok = ok && !b.covers(a)
		}
		if ok {
			out = append(out, object)
		}
	}
	return out
}

// filled is true for pictures, shadings and forms, and for paths filled with a colour.
func (p *pdf) filled(object references.FPDF_PAGEOBJECT) bool {
	mode, err := p.reader.FPDFPath_GetDrawMode(&requests.FPDFPath_GetDrawMode{PageObject: object})
	return err != nil || mode.FillMode != enums.FPDF_FILLMODE_NONE && !p.white(object)
}

// beside gives the texts that lie off the page. Within is what the reader
// finds on it: when that is all there is, nothing has to be measured.
func (p *pdf) beside(page requests.Page, text references.FPDF_TEXTPAGE, all string) []references.FPDF_PAGEOBJECT {
	box, err := p.reader.FPDF_GetPageBoundingBox(&requests.FPDF_GetPageBoundingBox{Page: page})
	if err != nil {
		return nil
	}
	r := box.Rect
	within, err := p.reader.FPDFText_GetBoundedText(&requests.FPDFText_GetBoundedText{
		TextPage: text, Left: float64(r.Left), Top: float64(r.Top), Right: float64(r.Right), Bottom: float64(r.Bottom),
	})
	if err != nil || visibleRunes(within.Text) >= visibleRunes(all) {
		return nil
	}
	return p.outside(page, area{r.Left, r.Bottom, r.Right, r.Top})
}

func (p *pdf) outside(page requests.Page, sheet area) (out []references.FPDF_PAGEOBJECT) {
	count, err := p.reader.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: page})
	if err != nil {
		return nil
	}
	for i := 0; i < count.Count && p.objects < maxObjects; i++ {
		p.objects++
		var kind *responses.FPDFPageObj_GetType
		got, err := p.reader.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: page, Index: i})
		if err == nil {
			kind, err = p.reader.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: got.PageObject})
		}
		if err != nil || kind.Type != enums.FPDF_PAGEOBJ_TEXT {
			continue
		}
		if a, ok := p.bounds(got.PageObject); ok && a.right > a.left && !sheet.meets(a) {
			out = append(out, got.PageObject)
		}
	}
	return out
}

func visibleRunes(s string) int {
	n := 0
	for _, r := range s {
		if !unicode.IsSpace(r) && !strings.ContainsRune(hyphens, r) {
			n++
		}
	}
	return n
}
