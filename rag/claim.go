package rag

import (
	"strings"
	"unicode"
)

// statements are the sentences of an answer, and their parts between
// semicolons. A bare "Yes." goes with the sentence after it; what has no letter
// or digit is none.
func statements(answer string) []span {
	var out []span
	for _, s := range joinOpenings(answer, halves(answer, sentences(answer))) {
		if says(answer[s.start:s.end]) {
			out = append(out, s)
		}
	}
	return out
}

// says: text has a letter or a digit.
func says(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// joinOpenings joins "Yes." with what follows.
func joinOpenings(answer string, parts []span) []span {
	var out []span
	for _, s := range parts {
		if last := len(out) - 1; last >= 0 {
			if opening, rest := cutOpening(answer[out[last].start:out[last].end]); opening != "" && rest == "" {
				out[last].end = s.end
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// halves cuts sentences at semicolons where both sides have five words.
func halves(answer string, whole []span) []span {
	var out []span
	for _, s := range whole {
		for {
			i := strings.Index(answer[s.start:s.end], "; ")
			if i < 0 || min(len(strings.Fields(answer[s.start:s.start+i])), len(strings.Fields(answer[s.start+i:s.end]))) < 5 {
				break
			}
			out = append(out, span{s.start, s.start + i})
			s.start += i + 2
		}
		out = append(out, s)
	}
	return out
}

// cutOpening splits "Yes, …" and "No: …" into the word and the rest.
func cutOpening(text string) (opening, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		end = len(text)
	}
	first := strings.ToLower(text[:end])
	if first != "yes" && first != "no" {
		return "", text
	}
	if end < len(text) && !strings.ContainsAny(text[end:end+1], ".,:;!") && !strings.HasPrefix(text[end:], " –") && !strings.HasPrefix(text[end:], " —") && !strings.HasPrefix(text[end:], " -") {
		return "", text
	}
	return first, strings.TrimLeftFunc(text[end:], func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// claim is one sentence of an answer as it is looked for.
type claim struct {
	reading
	opening  string // yes, no or nothing
	terms    map[string]bool
	figures  []figure // that the question does not hold
	negative bool
	content  int  // how many terms it has beside numbers and units
	short    bool // "Yes." and the like: the question says what it is about
}

func (m *matcher) claim(text string) claim {
	opening, rest := cutOpening(text)
	c := claim{reading: read(rest, m.analyze), opening: opening, terms: set(m.analyze(loosened(rest))), negative: negated(rest)}
	for _, cl := range c.clauses {
		for _, f := range cl.figures {
			if !m.asks(f) {
				c.figures = append(c.figures, f)
			}
		}
	}
	for t := range c.terms {
		if !isMeasure(t) && strings.Trim(t, "0123456789.") != "" {
			c.content++
		}
	}
	c.short = len(c.terms) < 3
	return c
}
