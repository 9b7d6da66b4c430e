package rag

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// figure is a number with what it counts: 4 hours, EUR 350, 15:30, 3 May. Two
// ways to write one figure (2 weeks, fourteen days) give equal figures.
type figure struct {
	value float64
	text  string // of the value, in one form
	plain string // the same without "million"
	kind  string // dimension such as time, length or money; empty when no unit is known
	unit  string // as it was written, in one form
	noun  string // what is counted, when it follows and is no unit: 120 payments
	at    int    // its first token
	dated bool   // it is a year, or the day of a month
	low   string // that token
}

// figures finds the numbers of a text that was cut into tokens.
func figures(text string, toks []token) []figure {
	r := figureReader{text: text, toks: toks}
	for r.at < len(toks) {
		t := toks[r.at]
		switch {
		case t.kind == numeral && (r.itemNumber() || r.isoDate()):
		case t.kind == numeral:
			r.number()
		case t.kind == word && r.monthAt(r.at) > 0:
			r.add(figure{value: float64(r.monthAt(r.at)), kind: calendar, at: r.at})
			r.at++
		case t.kind == word && weekday(t.low) >= 0:
			r.add(figure{value: float64(weekday(t.low)), kind: "weekday", at: r.at})
			r.at++
		case t.kind == word:
			r.words()
		default:
			r.at++
		}
	}
	r.ranges()
	return r.out
}

// ranges gives the first figure of "10 to 36 V" and "6-7 months" the unit of
// the second, and marks what stands beside a month.
func (r *figureReader) ranges() {
	for i := len(r.out) - 2; i >= 0; i-- {
		a, b := &r.out[i], r.out[i+1]
		if a.kind == calendar || b.kind == calendar {
			a.dated = a.dated || b.at-a.at <= 3
			r.out[i+1].dated = r.out[i+1].dated || b.at-a.at <= 3
		}
		if a.kind == "" && a.noun == "" && measures[b.unit].kind != "" && b.at == a.at+2 && slices.Contains([]string{"to", "-", "–", "and", "or"}, r.low(a.at+1)) {
			a.kind, a.unit = b.kind, b.unit
		}
	}
}

// numbers are the keys of text's figures: of each its value and, where a unit
// is known, its value in the dimension's own unit.
func numbers(text string) []string {
	var out []string
	for _, f := range figures(text, tokens(text)) {
		out = append(out, f.text+"*", f.key())
	}
	return out
}

// key is equal for equal figures: 2 weeks and 14 days. That of one without a unit ends with a stroke.
func (f figure) key() string {
	if f.kind == "" {
		return f.text + "/"
	}
	return strconv.FormatFloat(f.base(), 'g', 10, 64) + "/" + f.kind
}

// wanted are the keys under which a text may hold f: with its unit, or without where the text gives none.
func (f figure) wanted() (key, bare string) {
	if f.kind == "" {
		return f.text + "*", f.text + "/"
	}
	return f.key(), f.plain + "/"
}

type figureReader struct {
	text string
	toks []token
	at   int
	out  []figure
}

func (r *figureReader) add(f figure) {
	if f.text == "" {
		f.text = strconv.FormatFloat(f.value, 'f', -1, 64)
	}
	f.low = r.low(f.at)
	r.out = append(r.out, f)
}

// low is the token at i, lower-cased; empty beyond the ends.
func (r *figureReader) low(i int) string {
	if i < 0 || i >= len(r.toks) {
		return ""
	}
	return r.toks[i].low
}

// glued: nothing stands between the token at i and the next.
func (r *figureReader) glued(i int) bool {
	return i >= 0 && i+1 < len(r.toks) && r.toks[i].end == r.toks[i+1].start
}

// itemNumber passes over the number of a list item.
func (r *figureReader) itemNumber() bool {
	if r.at > 0 || r.low(1) != "." && r.low(1) != ")" || !r.glued(0) || r.glued(1) || len(r.toks) < 3 {
		return false
	}
	r.at++
	return true
}

// isoDate reads 2024-05-03.
func (r *figureReader) isoDate() bool {
	i := r.at
	if len(r.low(i)) != 4 || !r.glued(i) || r.low(i+1) != "-" || !r.glued(i+1) || len(r.low(i+2)) != 2 || !r.glued(i+2) || r.low(i+3) != "-" || !r.glued(i+3) || len(r.low(i+4)) != 2 {
		return false
	}
	year, err1 := strconv.Atoi(r.low(i))
	month, err2 := strconv.Atoi(r.low(i + 2))
	day, err3 := strconv.Atoi(r.low(i + 4))
	if err1 != nil || err2 != nil || err3 != nil || month > 12 {
		return false
	}
	r.add(figure{value: float64(day), at: i})
	r.add(figure{value: float64(month), kind: calendar, at: i})
	r.add(figure{value: float64(year), at: i})
	r.at += 5
	return true
}

// monthAt: a month's name with a capital, and a number, a preposition or a year beside it where it is a word too.
func (r *figureReader) monthAt(i int) int {
	n := monthNumbers[r.low(i)]
	first := r.text[r.toks[i].start]
	if n == 0 || first < 'A' || first > 'Z' {
		return 0
	}
	if l := r.low(i); l != "may" && l != "march" && len(l) > 3 {
		return n
	}
	number := func(i int) bool { return i >= 0 && i < len(r.toks) && r.toks[i].kind == numeral }
	if number(i+1) || number(i-1) || slices.Contains([]string{"in", "of", "until", "since", "by", "from", "to", "and", "every", "rd", "th", "st", "nd"}, r.low(i-1)) {
		return n
	}
	return 0
}

func weekday(low string) int { return slices.Index(weekdays, strings.TrimSuffix(low, "s")) }

// number reads the numeral at hand: a time of day, or a value with its unit.
func (r *figureReader) number() {
	start, raw := r.at, r.low(r.at)
	r.at++
	if slices.Contains([]string{"rd", "th", "st", "nd"}, r.low(r.at)) && r.glued(start) {
		r.at++
	}
	half := strings.Trim(r.low(r.at), ".")
	if r.low(r.at+1) == "." && r.low(r.at+2) == "m" { // p.m.
		half += "m"
	}
	if hour, minute, ok := clock(raw, half); ok {
		r.add(figure{value: float64(60*hour + minute), kind: "time of day", at: start})
		return
	}
	text := plainNumber(raw)
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.add(figure{value: math.NaN(), text: text, at: start})
		return
	}
	r.valued(figure{value: value, at: start, dated: len(raw) == 4 && value >= 1500 && value < 2100})
}

// clock reads 15:30, 3:30 pm and 3 pm.
func clock(raw, half string) (hour, minute int, ok bool) {
	h, m, timed := strings.Cut(raw, ":")
	hour, err := strconv.Atoi(h)
	if err != nil || hour > 24 {
		return 0, 0, false
	}
	if timed {
		if minute, err = strconv.Atoi(m); err != nil || minute > 59 {
			return 0, 0, false
		}
	}
	switch {
	case half == "pm" && hour < 12:
		return hour + 12, minute, true
	case half == "am" && hour == 12:
		return 0, minute, true
	}
	return hour, minute, timed || half == "am" || half == "pm"
}

// plainNumber takes the separators of thousands out of a numeral.
func plainNumber(raw string) string {
	if i := strings.IndexByte(raw, ','); i >= 0 && strings.Count(raw, ",") == 1 && !strings.Contains(raw, ".") && len(raw)-i-1 != 3 {
		return strings.Replace(raw, ",", ".", 1) // 0,5
	}
	return strings.ReplaceAll(raw, ",", "")
}

// words reads a number in words: four, twenty-five, one hour.
func (r *figureReader) words() {
	start := r.at
	value, known := numberWords[r.low(start)]
	switch {
	case known:
		r.at++
		next := r.at
		if r.low(next) == "-" {
			next++
		}
		if digit, ok := smallNumber(r.low(next)); ok && value >= 20 && value < 100 {
			value += digit
			r.at = next + 1
		}
	case r.low(start) == "one" && (r.counts(start+1) || multipliers[r.low(start+1)] > 0):
		value = 1
		r.at++
	default:
		r.at++
		return
	}
	r.valued(figure{value: value, at: start})
}

func smallNumber(low string) (float64, bool) {
	if low == "one" {
		return 1, true
	}
	n, ok := numberWords[low]
	return n, ok && n > 0 && n < 10
}

// counts: the token at i, or the one after a hyphen, is a unit.
func (r *figureReader) counts(i int) bool {
	if r.low(i) == "-" {
		i++
	}
	return measures[r.low(i)].kind != ""
}

// valued gives f its multiplier and unit; r.at stands behind the number.
func (r *figureReader) valued(f figure) {
	f.plain = strconv.FormatFloat(f.value, 'f', -1, 64)
	if m := multipliers[r.low(r.at)]; m > 0 {
		f.value *= m
		r.at++
	}
	f.unit, f.noun = r.unit(f.at)
	if m := measures[f.unit]; m.kind != "" {
		f.kind = m.kind
	}
	r.add(f)
}

// unit looks before the token at start for a currency, and behind r.at for a unit within three words.
func (r *figureReader) unit(start int) (unit, noun string) {
	if before := r.low(start - 1); slices.Contains(currencies, before) {
		return before, ""
	}
	passed := 0
	for i := r.at; i < len(r.toks) && passed < 3; i++ {
		t := r.toks[i]
		switch {
		case t.kind == mark && t.low == "-" && i == r.at && (r.glued(i-1) || measures[r.low(i+1)].kind != ""):
			continue
		case t.kind == mark:
			if _, known := measures[t.low]; known && passed == 0 {
				return t.low, ""
			}
			return "", noun
		case t.kind != word || numberWords[t.low] > 0:
			return "", noun
		case t.low == "per" && r.low(i+1) == "cent":
			return "%", ""
		case measures[t.low].kind != "":
			return t.low, ""
		case slices.Contains([]string{"and", "or", "to", "in", "on", "of", "at", "for", "with", "from", "per", "a", "is", "are", "by", "as"}, t.low):
			return "", noun
		}
		if noun == "" {
			noun = t.low
		}
		passed++
	}
	return "", noun
}

// same tells whether a text that gives have says want. In a table's row a unit
// may be missing when it stands elsewhere, as in a column's heading; elsewhere is nil for other texts.
func (f figure) same(have figure, elsewhere func(kind string) bool) bool {
	switch f.kind {
	case "":
		return f.text == have.text && (have.kind != "time of day" && have.kind != "weekday" && have.kind != calendar)
	case have.kind:
		a, b := f.base(), have.base()
		return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b))
	default:
		return elsewhere != nil && have.kind == "" && have.noun == "" && f.plain == have.text && elsewhere(f.kind)
	}
}

// base is the value in the dimension's own unit.
func (f figure) base() float64 {
	if m := measures[f.unit]; m.factor != 0 {
		return f.value * m.factor
	}
	return f.value
}
