package rag

import (
	"slices"
	"strings"
)

// evidence is what the judge looks at, all of it known before generation.
type evidence struct {
	cosine    float64 // of the best passage with the query or its last sentence
	asksValue bool    // the question wants an amount, a date, a limit
}

// valueCost is what a question for an amount needs in cosine on top: a passage
// about the same subject is easily found, the one figure in it is not.
const valueCost = 0.04

// strength is compared with the threshold of the operating point.
func (e evidence) strength() float64 {
	if e.asksValue {
		return e.cosine - valueCost
	}
	return e.cosine
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
		if before, after, said := strings.Cut(s, d); said && mentions(before+after, "passage", "document", "information", "answer") {
			return true
		}
	}
	return false
}

func mentions(text string, any ...string) bool {
	return slices.ContainsFunc(any, func(w string) bool { return strings.Contains(text, w) })
}
