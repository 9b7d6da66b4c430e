package draft

import (
	"context"
	"regexp"
	"slices"
	"sort"
	"strings"

	"groundwork/eval"
	"groundwork/rag"
	"groundwork/rag/analyze"
)

// Reason says why a draft was thrown out; empty when it was not.
type Reason string

// The reasons, in the order of the checks.
const (
	NotAsked     Reason = "not one short question"
	SpeaksOfText Reason = "speaks of the text it was made from"
	Copies       Reason = "copies the document"
	GivesAway    Reason = "gives the answer away"
	OffSubject   Reason = "is not about the passage"
	NoAnswer     Reason = "answer without a fact that can be checked"
	NotInSpan    Reason = "answer is not in the passage"
	NotFalse     Reason = "does not take the false figure for granted"
	OneIsEnough  Reason = "one document is enough"
	TrueSomehow  Reason = "another document says the false figure"
	OldFigure    Reason = "the outdated document answers it too"
	MayBeThere   Reason = "the documents may answer it"
	Elsewhere    Reason = "another document answers it too"
	Repeats      Reason = "nearly repeats another question"
)

const (
	copiedRun      = 6    // words in a row that a question may share with its span
	strangeTerms   = 4    // of a question that its passages do not have
	answersToo     = 0.6  // of a question's terms, by weight, in a passage that has the answer's facts
	answersFound   = 0.4  // likewise in one that a search for the question finds
	mayAnswer      = 0.7  // of an unanswerable question's terms in one passage
	mayAnswerFound = 0.6  // likewise in one that a search for the question finds
	sameQuestion   = 0.75 // shared share of the terms of two questions that ask the same
	longestAnswer  = 400
)

// words that a question may have although no passage does: they ask.
var asking = set(analyze.Terms("what which who whom whose when where why how much many long often far soon do does did need have should must can may would get give " +
	"take know tell find use want ask allowed required say happen apply name number time day colleague company employee someone somebody person people please our my we i"))

var speaks = regexp.MustCompile(`(?i)\b(passage|(?:the|this) text|excerpt|the facts?|facts? [AB]|the sentence|this statement|(?:this|above|given|provided) documents?|according to the)\b`)

// check turns a reply into a draft, or says what is wrong with it.
func (m *maker) check(ctx context.Context, c candidate, reply string) (Draft, Reason, error) {
	question, answer := read(reply)
	if c.kind == Unanswerable && c.wrong != "" { // the same question about something that does not exist
		if !strings.Contains(question, c.truth) {
			return Draft{}, OffSubject, nil
		}
		question = strings.ReplaceAll(question, c.truth, c.wrong)
	}
	if r := wellAsked(c, question); r != "" {
		return Draft{}, r, nil
	}
	d := Draft{Question: eval.Question{ID: string(c.kind) + "-" + c.id, Question: question, Answer: answer, Type: string(c.kind), Gold: []eval.Gold{}, MustContain: []string{}, Status: eval.Drafted}}
	for _, s := range c.spans {
		d.Provenance.Shown = append(d.Provenance.Shown, s.origin())
	}
	var r Reason
	var err error
	switch c.kind {
	case Unanswerable:
		d.Unanswerable, d.Answer = true, "The documents do not say."
		r, err = m.unanswered(ctx, c, question)
	case FalsePremise:
		r, err = m.falsePremise(ctx, c, &d)
	default:
		r, err = m.answered(ctx, c, &d)
	}
	if r == "" && m.known.repeats(question) {
		r = Repeats
	}
	return d, r, err
}

// wellAsked holds every question to the same form.
func wellAsked(c candidate, q string) Reason {
	n := len(strings.Fields(q))
	most := 30
	if c.kind == TwoDocuments {
		most = 45
	}
	if n < 4 || n > most || !strings.HasSuffix(q, "?") || strings.Count(q, "?") > 1 {
		return NotAsked
	}
	if speaks.MatchString(q) {
		return SpeaksOfText
	}
	asked := set(analyze.Terms(q))
	given := map[string]bool{}
	for _, s := range c.spans {
		if longestRun(analyze.Words(q), analyze.Words(s.quote)) > copiedRun {
			return Copies
		}
		mine := set(analyze.Terms(s.passage.Header + " " + s.says()))
		if shared(asked, mine) < 1 {
			return OffSubject
		}
		for t := range set(analyze.Terms(s.passage.Header + " " + s.passage.Text)) {
			given[t] = true
		}
	}
	for _, t := range analyze.Terms(c.wrong) {
		given[t] = true
	}
	strange := 0
	for t := range asked {
		if !given[t] && !asking[t] {
			strange++
		}
	}
	if len(asked) < 2 || strange > strangeTerms {
		return OffSubject
	}
	return ""
}

// answered: the answer stands in what the model was given, all of it is needed, and nothing else answers.
func (m *maker) answered(ctx context.Context, c candidate, d *Draft) (Reason, error) {
	answer, sources := d.Answer, make([]rag.Source, 0, len(c.spans))
	if len(answer) > longestAnswer {
		return NoAnswer, nil
	}
	spans := c.spans
	if c.kind == Outdated {
		spans = spans[:1]
	}
	for i, s := range spans {
		sources = append(sources, rag.Source{Index: i + 1, Passage: s.passage})
		d.Gold = append(d.Gold, eval.Gold{Path: s.doc.Path, Quote: s.quote})
	}
	d.MustContain = facts(answer, d.Question.Question, spans)
	switch {
	case len(d.MustContain) == 0 && figure.MatchString(answer):
		return GivesAway, nil // the question has all of them
	case len(d.MustContain) == 0:
		return NoAnswer, nil
	case !inSpans(answer, spans) || !rag.Covers(sentence(answer), d.Question.Question, sources, analyze.Terms):
		return NotInSpan, nil
	case c.kind == TwoDocuments && !bothNeeded(d.MustContain, spans):
		return OneIsEnough, nil
	case c.kind == Outdated && allIn(d.MustContain, c.spans[1].passage.Header+"\n"+c.spans[1].passage.Text):
		return OldFigure, nil
	}
	if c.kind == Lookup && figure.MatchString(strings.Join(d.MustContain, " ")) {
		d.Type = "number"
	}
	return m.elsewhere(ctx, c, *d)
}

func sentence(answer string) string {
	if strings.ContainsAny(answer[len(answer)-1:], ".!?") {
		return answer
	}
	return answer + "."
}

// inSpans: every figure and nearly every term of the answer stands in the spans or above them.
func inSpans(answer string, spans []span) bool {
	there := map[string]bool{}
	for _, s := range spans {
		for _, t := range analyze.Terms(s.passage.Header + " " + s.says()) {
			there[t] = true
		}
	}
	missing := 0
	for t := range set(analyze.Terms(answer)) {
		switch {
		case there[t] || asking[t]:
		case figure.MatchString(t):
			return false
		default:
			missing++
		}
	}
	return missing <= 1
}

func allIn(facts []string, text string) bool {
	return !slices.ContainsFunc(facts, func(f string) bool { return !holdsWord(text, f) })
}

// bothNeeded: each span has a fact of the answer that the other's passage does not have.
func bothNeeded(facts []string, spans []span) bool {
	for i, s := range spans {
		other := spans[1-i].passage.Text
		if !slices.ContainsFunc(facts, func(f string) bool { return holdsWord(s.says(), f) && !holdsWord(other, f) }) {
			return false
		}
	}
	return true
}

// facts are what a right answer must hold: figures and names of the answer that the question does
// not have; without any, the two longest words that it does not have. The answer's first word is a name where the spans have it as one.
func facts(answer, question string, spans []span) []string {
	asked := set(analyze.Words(question))
	var hard, soft []string
	capital := map[string]bool{}
	known := names(answer)
	for _, s := range spans {
		known = append(known, names(s.says())...)
	}
	for _, n := range known {
		capital[strings.ToLower(n)] = true
	}
	for _, word := range strings.Fields(answer) {
		word = strings.Trim(word, `.,;:!?()[]"'“”*_`)
		low := strings.ToLower(word)
		switch {
		case word == "" || asked[low] || slices.Contains(hard, word) || slices.Contains(soft, low):
		case figure.MatchString(word) || capital[low]:
			hard = append(hard, word)
		case len(word) > 3 && !analyze.IsStop(word) && !asking[analyze.Stem(word)]:
			soft = append(soft, low)
		}
	}
	if len(hard) > 0 {
		return hard[:min(len(hard), 4)]
	}
	sort.SliceStable(soft, func(i, j int) bool { return len(soft[i]) > len(soft[j]) })
	return soft[:min(len(soft), 2)]
}

// falsePremise: the question takes the wrong figure for granted, which no other document says; the answer is what the document says.
func (m *maker) falsePremise(ctx context.Context, c candidate, d *Draft) (Reason, error) {
	s, q := c.spans[0], d.Question.Question
	if !holdsWord(q, c.falsehood()) || holdsWord(q, c.truth) {
		return NotFalse, nil
	}
	d.MustContain = []string{c.falsehood()}
	if r, err := m.elsewhere(ctx, c, *d); err != nil || r != "" {
		return TrueSomehow, err
	}
	d.Answer, d.MustContain = "That is not so: "+bare(s.quote), []string{c.truth}
	d.Gold = append(d.Gold, eval.Gold{Path: s.doc.Path, Quote: s.quote})
	return "", nil
}

// unanswered: the question is close to a passage, and no passage has what it asks for.
func (m *maker) unanswered(ctx context.Context, c candidate, question string) (Reason, error) {
	asked := askedFor(question)
	s := c.spans[0]
	if shared(asked, set(analyze.Terms(s.passage.Header+" "+s.passage.Text))) < 2 {
		return OffSubject, nil
	}
	if c.wrong != "" { // what it asks about stands in no document
		return "", nil
	}
	for at := range m.all.terms {
		if m.all.covers(at, asked) >= mayAnswer {
			return MayBeThere, nil
		}
	}
	found, err := m.opt.Search(ctx, question)
	if err != nil {
		return "", err
	}
	for _, chunk := range found {
		if at, known := m.at[chunk]; known && m.all.covers(at, asked) >= mayAnswerFound {
			return MayBeThere, nil
		}
	}
	return "", nil
}

func askedFor(question string) map[string]bool {
	asked := set(analyze.Terms(question))
	for t := range asked {
		if asking[t] {
			delete(asked, t)
		}
	}
	return asked
}

// elsewhere looks for a passage of another document that has the answer's facts and is about the question:
// among all passages by their words, and among those that the store's own search finds.
func (m *maker) elsewhere(ctx context.Context, c candidate, d Draft) (Reason, error) {
	asked := askedFor(d.Question.Question)
	mine := func(at int) bool {
		return slices.ContainsFunc(c.spans, func(s span) bool { return s.doc.Path == m.all.docs[at] })
	}
	for at := range m.all.terms {
		if !mine(at) && m.all.holds(at, d.MustContain) && m.all.covers(at, asked) >= answersToo {
			return Elsewhere, nil
		}
	}
	found, err := m.opt.Search(ctx, d.Question.Question)
	if err != nil {
		return "", err
	}
	for _, chunk := range found {
		if at, known := m.at[chunk]; known && !mine(at) && m.all.holds(at, d.MustContain) && m.all.covers(at, asked) >= answersFound {
			return Elsewhere, nil
		}
	}
	return "", nil
}

// questions are those that a new one must not repeat.
type questions []map[string]bool

func (q questions) repeats(question string) bool {
	mine := set(analyze.Terms(question))
	return slices.ContainsFunc(q, func(other map[string]bool) bool { return overlap(mine, other) >= sameQuestion })
}
