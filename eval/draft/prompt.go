package draft

import (
	"regexp"
	"strings"
)

// The prompts. Each ends in the form of the reply; they are short because a
// small model on a small machine reads them.
const (
	askFact = `From the documents of a company, {about}:

"{fact}"

A colleague needs exactly this and does not know it. Write the short question they ask, as people ask at work, in other words than the document. The question names its subject, so that it can be understood alone, and does not give the answer away. Then write the answer: the value or the words of the document that the question asks for, nothing else.
Question:
Answer:`

	askBoth = `Two facts from two documents of a company.
A, {about}: "{fact}"
B, {other about}: "{other}"

Write one question of a colleague that asks for A and for B at once ("…, and …?"), names both subjects and gives neither answer away. Then write the answer in two short sentences, one for A and one for B, in the words of the facts.
Question:
Answer:`

	askWrong = `From the documents of a company, {about}:

"{fact}"

A colleague has it wrong and believes: "{wrong}"

Write the short question of this colleague: it takes the wrong figure {figure} for granted and asks what follows from it, for example why that is so or how to do it. It does not doubt the figure. One sentence.
Question:`

	askMissing = `From the documents of a company, {about}:

{passage}

Write a short question about the same subject that a colleague may well ask and that this text does not answer, because it asks for a detail that the text does not give (a price, a name, a date, a reason, a colour, a telephone number …). The question names its subject.
Question:`
)

// promptVersion changes with the prompts.
var promptVersion = digest(askFact, askBoth, askWrong, askMissing)[:8]

// prompt is what the model is asked for a candidate.
func (c candidate) prompt() string {
	s := c.spans[0]
	words := []string{"{about}", s.about(), "{fact}", s.says(), "{wrong}", c.wrong, "{passage}", s.passage.Text}
	if len(c.spans) > 1 {
		words = append(words, "{other about}", c.spans[1].about(), "{other}", c.spans[1].says())
	}
	form := askFact
	switch {
	case c.kind == TwoDocuments:
		form = askBoth
	case c.kind == FalsePremise:
		form = askWrong
		words = append(words, "{figure}", c.falsehood())
	case c.kind == Unanswerable && c.wrong == "":
		form = askMissing
	}
	return strings.NewReplacer(words...).Replace(form)
}

// falsehood is the figure of the wrong sentence that stands in the place of the true one.
func (c candidate) falsehood() string {
	wrong, right := digits.FindAllString(c.wrong, -1), digits.FindAllString(c.spans[0].quote, -1)
	for i := range min(len(wrong), len(right)) {
		if wrong[i] != right[i] {
			return wrong[i]
		}
	}
	return ""
}

var (
	asks    = regexp.MustCompile(`(?i)^\W*question\W*:\s*`)
	answers = regexp.MustCompile(`(?i)^\W*answer\W*:\s*`)
)

// read takes question and answer out of a reply; a reply without "Question:" begins with the question.
func read(reply string) (question, answer string) {
	in := &question
	for line := range strings.Lines(strings.TrimSpace(reply)) {
		line = strings.TrimSpace(line)
		switch {
		case answers.MatchString(line):
			if answer != "" {
				return tidy(question), tidy(answer) // it goes on with another pair
			}
			in, line = &answer, answers.ReplaceAllString(line, "")
		case asks.MatchString(line):
			if question != "" {
				return tidy(question), tidy(answer)
			}
			line = asks.ReplaceAllString(line, "")
		case line == "" && answer != "":
			return tidy(question), tidy(answer)
		}
		*in += " " + line
	}
	return tidy(question), tidy(answer)
}

func tidy(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "**", ""), "`", "")
	if n := len(s); n > 1 && s[0] == '"' && s[n-1] == '"' {
		s = s[1 : n-1]
	}
	return strings.TrimSpace(s)
}
