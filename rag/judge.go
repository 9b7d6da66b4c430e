package rag

import (
	"math"
	"strings"
)

// Abstain says how weak the evidence must be for an abstention.
type Abstain string

// The operating points.
const (
	AbstainOff      Abstain = "off"      // always answer
	AbstainBalanced Abstain = "balanced" // few wrong refusals
	AbstainStrict   Abstain = "strict"   // few wrong answers
)

// evidence is what the judge looks at, all of it known before generation.
type evidence struct {
	cosine    float64 // of the best passage with the query
	coverage  float64 // IDF-weighted share of the query's terms that the best passages hold
	asksValue bool    // the question wants an amount, a date, a limit
	hasValue  bool    // a sentence of the passages has a number and shares a term with the question
}

// The weights of a logistic model, fitted on the sample and handbook
// questions (answerable or not), inputs centred; see docs/adr/0007.
const (
	weightCosine   = 26.0
	weightCoverage = 1.2
	weightAsks     = -1.0
	weightNoValue  = -1.0
	bias           = 1.3
	centreCosine   = 0.68
	centreCoverage = 0.55
)

// confidence is the judge's probability that the passages answer the question.
func (e evidence) confidence() float64 {
	z := bias + weightCosine*(e.cosine-centreCosine) + weightCoverage*(e.coverage-centreCoverage)
	if e.asksValue {
		z += weightAsks
		if !e.hasValue {
			z += weightNoValue
		}
	}
	return 1 / (1 + math.Exp(-z))
}

// threshold is the confidence below which the answer is the abstention.
func (a Abstain) threshold() float64 {
	switch a {
	case AbstainOff:
		return 0
	case AbstainStrict:
		return 0.7
	default:
		return 0.5
	}
}

// weigh collects the evidence for question in passages.
func weigh(question string, terms []string, idf []float64, ranked []Ranked, analyze Analyze) evidence {
	e := evidence{asksValue: asksValue(question)}
	held := map[string]bool{}
	asked := set(terms)
	for i, r := range ranked {
		if i == 0 || r.Dense > e.cosine {
			e.cosine = r.Dense
		}
		for _, t := range analyze(r.Passage.Header + "\n" + r.Passage.Text) {
			held[t] = true
		}
		e.hasValue = e.hasValue || holdsValue(r.Passage.Text, asked, analyze)
	}
	total, found := 0.0, 0.0
	for i, t := range terms {
		total += idf[i]
		if held[t] {
			found += idf[i]
		}
	}
	if total > 0 {
		e.coverage = found / total
	}
	return e
}

func holdsValue(text string, asked map[string]bool, analyze Analyze) bool {
	for _, s := range sentences(text) {
		part := text[s.start:s.end]
		if len(numbers(part)) == 0 {
			continue
		}
		for _, t := range analyze(part) {
			if asked[t] {
				return true
			}
		}
	}
	return false
}

var valuePhrases = []string{
	"how much", "how many", "how long", "how often", "how far", "how fast", "how soon", "how late", "how old", "how big", "how large",
	"percentage", "percent", "what share", "which date", "what date", "what time", "number of", "amount", "maximum", "minimum",
	"limit", "rate", "price", "cost", "fee", "deadline",
}

// asksValue reports whether the question wants an amount, a date or a limit.
func asksValue(question string) bool {
	q := " " + strings.Join(strings.FieldsFunc(strings.ToLower(question), func(r rune) bool { return r < 'a' || r > 'z' }), " ") + " "
	for _, p := range valuePhrases {
		if strings.Contains(q, " "+p+" ") || strings.Contains(q, " "+p+"s ") {
			return true
		}
	}
	return false
}

// declining are the ways in which a small model says that it does not know.
var declining = []string{
	"do not mention", "does not mention", "don't mention", "doesn't mention", "not mentioned in", "do not specify", "does not specify",
	"doesn't specify", "not specified in", "do not provide", "does not provide", "not provided in", "no information", "do not contain",
	"does not contain", "not stated in", "do not state", "cannot be determined", "not possible to determine", "do not say", "does not say",
	"cannot answer", "can't answer", "unable to answer", "don't know", "do not answer", "not explicitly",
}

// declines reports whether an answer only says that it has none.
func declines(answer string) bool {
	s := strings.ToLower(answer)
	if len(sentences(answer)) > 2 {
		return false
	}
	for _, d := range declining {
		if strings.Contains(s, d) && (strings.Contains(s, "passage") || strings.Contains(s, "document") || strings.Contains(s, "information") || strings.Contains(s, "answer")) {
			return true
		}
	}
	return false
}
