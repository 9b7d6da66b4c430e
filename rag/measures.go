package rag

import "strings"

// calendar is the kind of the months of the year.
const calendar = "month of the year"

// measure is a unit: its dimension and how many of the dimension's own it makes.
type measure struct {
	kind   string
	factor float64
}

var measures = func() map[string]measure {
	out := map[string]measure{}
	for _, line := range []struct {
		kind   string
		factor float64
		names  string
	}{
		{"time", 1. / 60000, "ms millisecond milliseconds"}, {"time", 1. / 60, "second seconds sec secs"}, {"time", 1, "minute minutes min mins"},
		{"time", 60, "hour hours hr hrs h"}, {"time", 1440, "day days"}, {"time", 7 * 1440, "week weeks"}, {"time", 14 * 1440, "fortnight"},
		{"months", 1, "month months"}, {"months", 12, "year years yr yrs"}, {"months", 120, "decade decades"},
		{"length", 0.001, "mm millimetre millimetres millimeter millimeters"}, {"length", 0.01, "cm centimetre centimetres centimeter centimeters"},
		{"length", 1, "m metre metres meter meters"}, {"length", 1000, "km kilometre kilometres kilometer kilometers"},
		{"length", 0.3048, "ft foot feet"}, {"length", 0.0254, "inch inches"}, {"length", 1609.344, "mi mile miles"},
		{"mass", 0.001, "mg"}, {"mass", 1, "g gram grams"}, {"mass", 1000, "kg kilogram kilograms"}, {"mass", 1e6, "tonne tonnes"},
		{"volume", 0.001, "ml"}, {"volume", 1, "l litre litres liter liters"},
		{"voltage", 0.001, "mv"}, {"voltage", 1, "v volt volts"}, {"voltage", 1000, "kv"},
		{"current", 0.001, "ma"}, {"current", 1, "amp amps ampere amperes"}, {"power", 1, "w watt watts"}, {"power", 1000, "kw"},
		{"torque", 1, "nm"}, {"torque", 0.01, "ncm"}, {"pressure", 1, "bar"}, {"pressure", 0.001, "mbar"},
		{"frequency", 1, "hz"}, {"frequency", 1000, "khz"}, {"frequency", 1e6, "mhz"}, {"frequency", 1e9, "ghz"},
		{"data", 1, "kb kilobyte kilobytes"}, {"data", 1e3, "mb megabyte megabytes"}, {"data", 1e6, "gb gigabyte gigabytes"}, {"data", 1e9, "tb terabyte terabytes"},
		{"euro", 1, "€ eur euro euros"}, {"dollar", 1, "$ usd dollar dollars"}, {"pound", 1, "£ gbp"}, {"franc", 1, "chf"},
		{"percent", 1, "% percent"}, {"degree", 1, "° degree degrees"},
	} {
		for _, name := range strings.Fields(line.names) {
			out[name] = measure{line.kind, line.factor}
		}
	}
	return out
}()

// currencies stand before their amount as well.
var currencies = strings.Fields("€ eur $ usd £ gbp chf")

var monthNumbers = map[string]int{
	"january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9, "october": 10, "november": 11,
	"december": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}

var weekdays = strings.Fields("monday tuesday wednesday thursday friday saturday sunday")

var numberWords = map[string]float64{
	"zero": 0, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
	"thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30,
	"forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "dozen": 12, "twice": 2,
	"third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
}

var multipliers = map[string]float64{"hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}

// kindOf is the dimension of a unit that was stemmed.
func kindOf(term string) string {
	for _, ending := range []string{"", "s", "e", "es"} {
		if k := measures[term+ending].kind; k != "" {
			return k
		}
	}
	return ""
}
