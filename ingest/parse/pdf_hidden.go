package parse

// maxObjects is how many objects of a document are looked at; what follows is read as it is.
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
// without anything behind them, ones of less than a point, and ones that lie off
// the sheet. The invisible text over a scan is what can be read of it, and stays.
func (p *pdf) hidden(page uint64) []uint64 {
	var found, white []uint64
	var before []int // how much of drawn lies below each white text
	var drawn []uint64
	sheet, bounded := p.sheet(page)
	for i, n := 0, p.count(opCountObjects, page); i < n && p.objects < maxObjects; i++ {
		p.objects++
		object := p.call(opObject, page, uint64(i))
		if object == 0 {
			continue
		}
		if p.count(opType, object) != typeText {
			if len(drawn) < maxBackgrounds {
				drawn = append(drawn, object)
			}
			continue
		}
		a, ok := p.bounds(object)
		switch {
		case ok && (bounded && a.right > a.left && !sheet.meets(a) || a.small() && p.tiny(object)):
			found = append(found, object)
		case p.white(object):
			white = append(white, object)
			before = append(before, len(drawn))
		}
	}
	return append(found, p.uncovered(white, drawn, before)...)
}

// sheet is what is seen of a page.
func (p *pdf) sheet(page uint64) (area, bool) {
	if !p.could(opPageBox, page, p.few) {
		return area{}, false
	}
	return area{left: p.float(0), top: p.float(1), right: p.float(2), bottom: p.float(3)}, true
}

// Kinds of objects and ways of filling a path, as fpdf_edit.h counts.
const (
	typeText = 1
	fillNone = 0
)

func (p *pdf) white(object uint64) bool {
	if !p.could(opFillColor, object, p.few, p.few+4, p.few+8, p.few+12) {
		return false
	}
	return p.word(3) < 8 || p.word(0) > 248 && p.word(1) > 248 && p.word(2) > 248
}

func (a area) small() bool { return a.top-a.bottom < 1 && a.right-a.left < 40 }

func (p *pdf) tiny(object uint64) bool {
	return p.could(opFontSize, object, p.few) && p.float(0) <= 1.5
}

func (p *pdf) bounds(object uint64) (area, bool) {
	if !p.could(opBounds, object, p.few, p.few+4, p.few+8, p.few+12) {
		return area{}, false
	}
	return area{left: p.float(0), bottom: p.float(1), right: p.float(2), top: p.float(3)}, true
}

// uncovered are those white texts behind which nothing was drawn before.
func (p *pdf) uncovered(white, drawn []uint64, before []int) []uint64 {
	var out []uint64
	var areas []area
	measured := 0
	for i, object := range white {
		for ; measured < before[i]; measured++ {
			if a, ok := p.bounds(drawn[measured]); ok && p.filled(drawn[measured]) {
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
func (p *pdf) filled(object uint64) bool {
	if !p.could(opDrawMode, object, p.few, p.few+4) {
		return true
	}
	return p.word(0) != fillNone && !p.white(object)
}
