package citetest_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

// planted is a right answer in which one detail was made wrong.
type planted struct {
	item
	kind string
}

// planter makes one detail of an answer wrong. It gives "" where there is nothing of its kind.
type planter func(it item, names []string, r *rand.Rand) string

var planters = []struct {
	kind  string
	plant planter
}{
	{"number", number}, {"neighbouring number", neighbouringNumber}, {"date", date}, {"unit", unit},
	{"negation added", negationAdded}, {"negation removed", negationRemoved}, {"name", name}, {"neighbouring name", neighbouringName},
	{"neighbouring product", neighbouringProduct},
}

// plant makes every kind of mistake once in each answer that takes it.
func plant(s set, seed uint64) []planted {
	r := rand.New(rand.NewPCG(seed, 1))
	var all []string
	for _, it := range s.items {
		all = append(all, names(it.answer)...)
	}
	var out []planted
	for _, it := range s.items {
		for _, p := range planters {
			wrong := p.plant(it, all, r)
			if wrong == "" || wrong == it.answer {
				continue
			}
			bad := planted{it, p.kind}
			bad.answer = wrong
			out = append(out, bad)
		}
	}
	return out
}

var numeral = regexp.MustCompile(`\b\d[\d,]*(?:\.\d+)?\b`)

// pick takes one of the matches.
func pick(where *regexp.Regexp, text string, r *rand.Rand) (from, to int, ok bool) {
	found := where.FindAllStringIndex(text, -1)
	if len(found) == 0 {
		return 0, 0, false
	}
	at := found[r.IntN(len(found))]
	return at[0], at[1], true
}

func number(it item, _ []string, r *rand.Rand) string {
	from, to, ok := pick(numeral, it.answer, r)
	if !ok {
		return ""
	}
	n, err := strconv.Atoi(strings.ReplaceAll(it.answer[from:to], ",", ""))
	if err != nil {
		return it.answer[:from] + "7" + it.answer[from:to] + it.answer[to:]
	}
	other := []int{n + 1, n + 2, 2 * n, n + 10, 10 * n}[r.IntN(5)]
	if other == n {
		other = n + 3
	}
	return it.answer[:from] + strconv.Itoa(other) + it.answer[to:]
}

// neighbouringNumber takes another number of the passage that answers.
func neighbouringNumber(it item, _ []string, r *rand.Rand) string {
	from, to, ok := pick(numeral, it.answer, r)
	if !ok {
		return ""
	}
	others := numeral.FindAllString(it.sources[0].Text, -1)
	others = slices.DeleteFunc(others, func(n string) bool {
		return slices.Contains(numeral.FindAllString(it.answer+" "+it.question, -1), n) || (len(n) == 4) != (to-from == 4)
	})
	if len(others) == 0 {
		return ""
	}
	return it.answer[:from] + others[r.IntN(len(others))] + it.answer[to:]
}

var months = strings.Fields("January February March April May June July August September October November December")
var days = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
var dated = regexp.MustCompile(`\b(?:` + strings.Join(append(slices.Clone(months), days...), "|") + `)|\b\d{1,2}:\d\d\b|\b(?:1[5-9]|20)\d\d\b`)

func date(it item, _ []string, r *rand.Rand) string {
	from, to, ok := pick(dated, it.answer, r)
	if !ok {
		return ""
	}
	was, now := it.answer[from:to], ""
	switch {
	case slices.Contains(months, was):
		now = months[(slices.Index(months, was)+1+r.IntN(11))%12]
	case slices.Contains(days, was):
		now = days[(slices.Index(days, was)+1+r.IntN(6))%7]
	case strings.Contains(was, ":"):
		hour, minutes, _ := strings.Cut(was, ":")
		h, _ := strconv.Atoi(hour)
		now = strconv.Itoa((h+1)%12+1) + ":" + minutes
	default:
		n, _ := strconv.Atoi(was)
		now = strconv.Itoa(n + 1 + r.IntN(5))
	}
	return it.answer[:from] + now + it.answer[to:]
}

var otherUnit = map[string]string{
	"hour": "day", "hours": "days", "day": "week", "days": "weeks", "week": "month", "weeks": "months", "month": "week", "months": "weeks", "year": "month", "years": "months",
	"minute": "hour", "minutes": "hours", "second": "minute", "seconds": "minutes", "mm": "cm", "cm": "m", "Nm": "Ncm", "V": "mV", "EUR": "USD", "euros": "dollars", "dollars": "euros",
	"%": " hours", "km": "miles", "miles": "km", "kilometre": "mile", "m": "km", "feet": "metres", "metres": "feet", "million": "billion", "billion": "million", "kg": "g", "percent": "euros",
}
var united = regexp.MustCompile(`\d\s?(?:hours?|days?|weeks?|months?|years?|minutes?|seconds?|mm|cm|Nm|V|euros|dollars|%|km|miles|metres|feet|m|million|billion|kg|percent)(?:\b|$)|\bEUR\b|(?:two|three|four|five|six|ten|one) (?:hours?|days?|weeks?|months?|years?|minutes?)\b`)

func unit(it item, _ []string, r *rand.Rand) string {
	from, to, ok := pick(united, it.answer, r)
	if !ok {
		return ""
	}
	was := it.answer[from:to]
	word := strings.TrimLeft(was, "0123456789 ")
	if i := strings.LastIndexByte(was, ' '); i >= 0 {
		word = was[i+1:]
	}
	now, known := otherUnit[word]
	if !known {
		return ""
	}
	return it.answer[:to-len(word)] + now + it.answer[to:]
}

var auxiliary = regexp.MustCompile(`\b(?:is|are|was|were|can|may|must|will|has been|have been|should|could|would)\b`)

func negationAdded(it item, _ []string, r *rand.Rand) string {
	if rest, ok := strings.CutPrefix(it.answer, "Yes"); ok {
		return "No" + rest
	}
	if denies.MatchString(it.answer) {
		return ""
	}
	_, to, ok := pick(auxiliary, it.answer, r)
	if !ok {
		return ""
	}
	return it.answer[:to] + " not" + it.answer[to:]
}

var denies = regexp.MustCompile(`(?i)\b(?:not|cannot|no|never|without|prohibited|forbidden|nobody|none|nowhere|n't)\b`)

var affirmed = []struct{ was, now string }{
	{"must not be", "must be"}, {"cannot be", "can be"}, {"does not ", "does "}, {"do not ", "do "}, {"did not ", "did "}, {" not ", " "}, {"cannot", "can"}, {"without", "with"}, {"are prohibited from", "are allowed to keep"},
	{"never ", "always "}, {"needs no ", "needs "}, {"is no longer ", "is still "}, {"are no longer ", "are still "}, {"is no ", "is a "}, {" no ", " "},
}

// negationRemoved affirms the first denial of the answer, and its opening.
func negationRemoved(it item, _ []string, _ *rand.Rand) string {
	out := it.answer
	opening := ""
	if rest, ok := strings.CutPrefix(out, "No"); ok && rest != "" && strings.ContainsRune(".,: ", rune(rest[0])) {
		opening, out = "Yes", rest
	}
	first, now := len(out), affirmed[0]
	for _, a := range affirmed {
		if i := strings.Index(out, a.was); i >= 0 && (i < first || i == first && len(a.was) > len(now.was)) {
			first, now = i, a
		}
	}
	if first < len(out) {
		out = out[:first] + now.now + out[first+len(now.was):]
	}
	return opening + out
}

var product = regexp.MustCompile(`\b([A-Z]+-?)\d+(?:-[A-Z])?\b`)

// neighbouringProduct takes another number of the same series: AX-210 for AX-220.
func neighbouringProduct(it item, _ []string, r *rand.Rand) string {
	from, to, ok := pick(product, it.answer, r)
	if !ok {
		return ""
	}
	was := it.answer[from:to]
	series := product.FindStringSubmatch(was)[1]
	for _, p := range it.sources {
		for _, other := range product.FindAllString(p.Text, -1) {
			if other != was && strings.HasPrefix(other, series) {
				return it.answer[:from] + other + it.answer[to:]
			}
		}
	}
	return it.answer[:from] + series + strconv.Itoa(20+r.IntN(80)) + it.answer[to:]
}

var proper = regexp.MustCompile(`\b[A-ZÄÖÜ]\p{Ll}[\p{L}-]+(?: [A-ZÄÖÜ]\p{Ll}[\p{L}-]+)*`)

// names are the runs of capitalised words that open no sentence.
func names(text string) []string {
	var out []string
	for _, at := range proper.FindAllStringIndex(text, -1) {
		if named(text, at) {
			out = append(out, text[at[0]:at[1]])
		}
	}
	return out
}

func named(text string, at []int) bool {
	before := strings.TrimRight(text[:at[0]], " \"'`(_")
	word := text[at[0]:at[1]]
	if len(analyze.Terms(word)) == 0 || slices.Contains([]string{"Please", "Yes", "Also", "Note", "Click", "Send"}, word) {
		return false
	}
	return before != "" && !strings.ContainsAny(before[len(before)-1:], ".!?:*\n-|#>") && !dated.MatchString(word) && !slices.Contains([]string{"EUR", "PM", "ET", "The"}, word)
}

func name(it item, all []string, r *rand.Rand) string {
	var others []string
	for _, n := range all {
		if !mentioned(it, n) {
			others = append(others, n)
		}
	}
	return rename(it, others, r)
}

// neighbouringName takes another name of the passage that answers.
func neighbouringName(it item, _ []string, r *rand.Rand) string {
	return rename(it, slices.DeleteFunc(names(it.sources[0].Text), func(n string) bool { return within(it.answer+" "+it.question, n) }), r)
}

func mentioned(it item, name string) bool {
	return within(it.answer+" "+it.question, name) || slices.ContainsFunc(it.sources, func(p rag.Passage) bool { return within(p.Text, name) })
}

// within tells whether text has any word of name.
func within(text, name string) bool {
	return slices.ContainsFunc(strings.Fields(name), func(w string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(w)) })
}

func rename(it item, others []string, r *rand.Rand) string {
	var at [][]int
	for _, a := range proper.FindAllStringIndex(it.answer, -1) {
		if named(it.answer, a) && !within(it.question, it.answer[a[0]:a[1]]) {
			at = append(at, a)
		}
	}
	if len(at) == 0 || len(others) == 0 {
		return ""
	}
	a := at[r.IntN(len(at))]
	return it.answer[:a[0]] + others[r.IntN(len(others))] + it.answer[a[1]:]
}
