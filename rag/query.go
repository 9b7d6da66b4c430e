package rag

import (
	"slices"
	"strings"
	"unicode"
)

// selfContained makes the last message searchable on its own. One that points
// back ("and for contractors?", "how long does it take?") takes over what the
// question before it asked, which may itself have pointed back; one that opens a
// new subject stays as it is. No model is asked.
func selfContained(messages []Message, analyze Analyze) string {
	query, answer := "", ""
	for _, m := range messages {
		text := strings.TrimSpace(m.Content)
		switch {
		case text == "":
		case m.Role == "assistant":
			answer = text
		case m.Role == "user":
			query = follow(query, answer, text, analyze)
			answer = ""
		}
	}
	return query
}

// maxCarried bounds what is taken over from earlier questions, in words.
const maxCarried = 40

// follow is what to search for when text comes after a question that was
// searched as before, and its answer.
func follow(before, answer, text string, analyze Analyze) string {
	if before == "" || !pointsBack(text, analyze) {
		return text
	}
	if words := strings.Fields(before); len(words) > maxCarried {
		before = strings.Join(words[len(words)-maxCarried:], " ")
	}
	rest, elliptic := cutAnd(text)
	if elliptic {
		if other, ok := exchange(before, rest); ok {
			return other
		}
	}
	if said := strings.Fields(answer); len(said) <= maxSaid && pointsTo(text, persons) { // "he" is who the answer named
		before += " " + answer
	}
	return before + " " + text
}

// maxSaid is how many words an answer has at most that is taken over for its names.
const maxSaid = 12

// cutAnd takes "And", "What about" and the like off a question that only names another case.
func cutAnd(text string) (rest string, elliptic bool) {
	low := strings.ToLower(text)
	for _, opening := range []string{"and what about ", "and how about ", "what about ", "how about ", "and also ", "and ", "or ", "but "} {
		if strings.HasPrefix(low, opening) {
			rest = strings.TrimLeft(text[len(opening):], " ")
			return rest, len(strings.Fields(rest)) <= 5
		}
	}
	return text, false
}

var prepositions = strings.Fields("for in of at on to with from by as during under without outside")

// exchange puts the case that rest names where before names its own: the phrase
// after the same preposition, or the identifier of the same form.
func exchange(before, rest string) (string, bool) {
	rest = strings.TrimRight(rest, " ?.!")
	if words := strings.Fields(strings.ToLower(rest)); len(words) > 1 && slices.Contains(prepositions, words[0]) {
		if at := strings.LastIndex(strings.ToLower(before), " "+words[0]+" "); at >= 0 {
			end := strings.IndexAny(before[at:], "?,;.")
			if end < 0 {
				end = len(before) - at
			}
			return before[:at] + " " + rest + before[at+end:], true
		}
	}
	ours, theirs := identifiers(rest), identifiers(before)
	if len(ours) != 1 || len(theirs) != 1 || !alikeForms(ours[0], theirs[0]) {
		return "", false
	}
	return strings.ReplaceAll(before, theirs[0], ours[0]), true
}

func identifiers(text string) []string {
	var out []string
	for _, t := range tokens(text) {
		if t.kind == identifier && !slices.Contains(out, text[t.start:t.end]) {
			out = append(out, text[t.start:t.end])
		}
	}
	return out
}

// alikeForms: SEV1 and SEV2, PX-31 and PX-35.
func alikeForms(a, b string) bool {
	letters := func(s string) string {
		return strings.TrimRightFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	}
	return strings.EqualFold(letters(a), letters(b))
}

// maxPointing is how long a question is at most that points back, in words.
const maxPointing = 18

func pointsBack(text string, analyze Analyze) bool {
	if n := len(strings.Fields(text)); n == 0 || n > maxPointing {
		return false
	}
	if rest, _ := cutAnd(text); rest != text {
		return true
	}
	return len(analyze(text)) < 2 || pointsTo(text, persons) || pointsTo(text, things)
}

var (
	persons = strings.Fields("he she him her his hers they them their theirs")
	things  = strings.Fields("it its that this those these there same one ones such other")
)

// pointsTo reports whether text has one of the words in a place where it stands for something said before.
func pointsTo(text string, words []string) bool {
	toks := tokens(text)
	low := func(i int) string {
		if i < 0 || i >= len(toks) {
			return ""
		}
		return toks[i].low
	}
	for i, t := range toks {
		if t.kind == word && slices.Contains(words, t.low) && !fillsIn(t.low, low(i-1), low(i+1)) {
			return true
		}
	}
	return false
}

// fillsIn: the word stands for nothing here, as in "is there a limit", "the form that" or "this year".
func fillsIn(w, before, after string) bool {
	switch w {
	case "it":
		return slices.Contains([]string{"that", "possible", "true", "allowed", "ok", "okay", "necessary", "who", "which"}, after)
	case "there":
		be := strings.Fields("is are was were be been any a an")
		return slices.Contains(be, before) || slices.Contains(be, after)
	case "that":
		return !slices.Contains(strings.Fields("does is was did for about of with after before at in on why how and can will to from do like than if by but"), before) && before != ""
	case "this", "these":
		return slices.Contains(strings.Fields("year month week morning afternoon summer winter spring autumn quarter"), after)
	case "one":
		return !slices.Contains(strings.Fields("other this that which the another each send use get have"), before)
	case "other", "same":
		return !slices.Contains(strings.Fields("one ones ? . for"), after) && after != ""
	case "such":
		return after == "as"
	}
	return false
}
