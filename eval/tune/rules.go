package tune

import (
	"regexp"
	"strings"
	"unicode"

	"groundwork/rag"
)

var (
	condition = regexp.MustCompile(`^(If|When|Before|After|During) ([^,]{8,80}), (.{8,})$`)
	unclear   = regexp.MustCompile(`(?i)\b(it|they|them|one|ones|something|such|that|this|these|those|he|she|(you|we) (may|must|can|should))\b`)
	youMust   = regexp.MustCompile(`^You (must|have to|need to|should) (.{8,})$`)
	youMay    = regexp.MustCompile(`^You (may|can) (.{8,})$`)
	youNot    = regexp.MustCompile(`^You (must not|may not|cannot|can't|should not) (.{8,})$`)
	someRule  = regexp.MustCompile(`^([A-Z][^.,;:|]{2,60}?) (must not|may not|cannot|must|may|can|should) (.{6,})$`)
	by        = regexp.MustCompile(`^(be )?(\w+ed|sent|paid|kept|taken|made|given|done) (by|within|until|after|before|no later than) (.{3,})$`)
	means     = regexp.MustCompile(`^([A-Z][^.,;:|]{2,50}?) (means|stands for|refers to) (.{6,})$`)
	is        = regexp.MustCompile(`^(?:The |An? )?([A-Za-z][^.,;:|]{2,50}?) (is|are) (an? |the |our )(.{6,})$`)
	amount    = regexp.MustCompile(`^(?:The )?([A-Za-z][^.,;:|]{2,60}?) (is|are|costs?|lasts?|takes?) ((?:up to |at least |at most |about |EUR |€ ?|\$ ?)*\d.*)$`)
)

// rules are the sentences from which a question can be made by their form.
func rules(p rag.Passage, at place) []fact {
	var out []fact
	for _, raw := range rag.Sentences(p.Text) {
		s := plain(raw)
		if strings.HasPrefix(raw, "#") || strings.Contains(raw, " | ") || !whole(s) || opensVaguely(s) {
			continue
		}
		if n := len(strings.Fields(s)); n < 5 || n > 45 {
			continue
		}
		if q := asked(s, at); q != "" {
			out = append(out, fact{method: "sentence", question: q, answer: s, quote: raw})
		}
	}
	return out
}

// asked is the question that a sentence answers by its form; empty when it has none of these forms.
func asked(s string, at place) string {
	if m := condition.FindStringSubmatch(s); m != nil && !unclear.MatchString(m[2]) {
		return pick(s, "What applies "+strings.ToLower(m[1])+" "+first(m[2])+"?", at.topic+": what happens "+strings.ToLower(m[1])+" "+first(m[2])+"?")
	}
	if m := youNot.FindStringSubmatch(s); m != nil {
		return "What am I not allowed to do when it comes to " + lower(at.topic) + "?"
	}
	if m := youMust.FindStringSubmatch(s); m != nil {
		return pick(s, "What do I have to do about "+lower(at.topic)+"?", at.topic+": what is required of me?")
	}
	if m := youMay.FindStringSubmatch(s); m != nil {
		return pick(s, "What am I allowed to do about "+lower(at.topic)+"?", at.topic+": what is permitted?")
	}
	if m := means.FindStringSubmatch(s); m != nil {
		return "What does " + quoted(m[1]) + " mean?"
	}
	if m := someRule.FindStringSubmatch(s); m != nil && subject(m[1]) {
		return ruleQuestion(m[1], m[2], strings.TrimSuffix(m[3], "."))
	}
	if m := amount.FindStringSubmatch(s); m != nil && subject(m[1]) {
		return amountQuestion(lower(m[1]), m[2])
	}
	if m := is.FindStringSubmatch(s); m != nil && subject(m[1]) {
		return "What " + m[2] + " " + lower(m[1]) + "?"
	}
	return ""
}

// ruleQuestion asks what a subject must, may or can do.
func ruleQuestion(subject, modal, rest string) string {
	if m := by.FindStringSubmatch(rest); m != nil && m[1] != "" {
		return "When " + modal + " " + lower(subject) + " be " + m[2] + "?"
	}
	if strings.HasPrefix(rest, "be ") {
		return "What rule is there for " + lower(subject) + "?"
	}
	switch modal {
	case "must not", "may not", "cannot":
		return "What are " + lower(subject) + " not allowed to do?"
	}
	return "What " + modal + " " + lower(subject) + " do?"
}

// amountQuestion asks for a figure.
func amountQuestion(subject, verb string) string {
	switch verb {
	case "costs":
		return "How much does " + subject + " cost?"
	case "cost":
		return "How much do " + subject + " cost?"
	case "lasts", "takes":
		return "How long does " + subject + " " + strings.TrimSuffix(verb, "s") + "?"
	case "last", "take":
		return "How long do " + subject + " " + verb + "?"
	}
	return "What figure is given for " + subject + "?"
}

var verbs = regexp.MustCompile(`(?i)\b(is|are|was|were|has|have|must|may|can|should|will|do|does|who|which|that|how|what|where|when|why)\b`)

// subject is a plain noun group: short, and without a verb of its own.
func subject(s string) bool {
	return len(strings.Fields(s)) <= 6 && !verbs.MatchString(s) && !opensVaguely(s) && unicode.IsLetter([]rune(s)[0])
}

var (
	you  = regexp.MustCompile(`\b(Y|y)ou are\b`)
	your = regexp.MustCompile(`\b[Yy]our\b`)
	the  = regexp.MustCompile(`\b[Yy]ou\b`)
)

// first puts a clause into the first person: somebody asks for himself.
func first(clause string) string {
	return the.ReplaceAllString(your.ReplaceAllString(you.ReplaceAllString(clause, "I am"), "my"), "I")
}
