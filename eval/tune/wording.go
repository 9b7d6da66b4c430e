package tune

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"groundwork/eval"
	"groundwork/rag"
	"groundwork/rag/analyze"
)

// Own asks the model that is to be tuned.
type Own func(ctx context.Context, messages []Message) (string, error)

// answer is how a labelled question is answered in a training set: the first of these that is right, that the gold
// passages support by the server's own check, and that agrees with the expected yes or no.
//
//  1. What the model itself says when it is given the gold passages and nothing else: what it learns then is to
//     find them among others, not another way to speak.
//  2. The documents' own sentences with the gold quotes, behind the expected yes or no.
//  3. The expected answer.
//
// Empty when there is none: what the server would flag is not taught.
func (b *builder) answer(ctx context.Context, q eval.Question, golds []rag.Source) (string, error) {
	candidates := []string{verbatim(q, golds), strings.TrimSpace(q.Answer)}
	if b.opt.Own != nil {
		var messages []Message
		for _, m := range rag.Compose(golds, []rag.Message{{Role: "user", Content: q.Question}}) {
			messages = append(messages, Message(m))
		}
		said, err := b.opt.Own(ctx, messages)
		if err != nil {
			return "", err
		}
		if said = spoken(said); says(said, q) {
			candidates = slices.Insert(candidates, 0, said)
		}
	}
	for _, c := range candidates {
		if len(strings.Fields(c)) == 1 && yesNo(c) != "" {
			continue // a model that has seen it once leaves all its reasons out
		}
		if c != "" && eval.Right(q, c) && rag.Covers(c, q.Question, golds, analyze.Terms) {
			return c, nil
		}
	}
	return "", nil
}

const (
	maxSpoken = 300 // bytes of a model's own answer
	minSaid   = 0.5 // of what the expected answer says beyond the question
)

var lead = regexp.MustCompile(`(?i)^(?:(?:based on|according to) [^,]*\b(?:passages?|information)\b[^,]*, |the passages? (?:states?|says?) that )`)

// spoken is a model's answer without the talk of passages around it; empty where talk is left, or too much was said.
func spoken(said string) string {
	said = lead.ReplaceAllString(squeeze(said), "")
	if said == "" || len(said) > maxSpoken || talk.MatchString(said) {
		return ""
	}
	return strings.ToUpper(said[:1]) + said[1:]
}

// says tells whether a model's answer agrees with the expected yes or no and says most of what it says.
func says(answer string, q eval.Question) bool {
	if answer == "" || yesNo(answer) != yesNo(q.Answer) {
		return false
	}
	asked, said := set(analyze.Terms(q.Question)), set(analyze.Terms(answer))
	all, held := 0, 0
	for term := range set(analyze.Terms(q.Answer)) {
		if !asked[term] {
			all++
			if said[term] {
				held++
			}
		}
	}
	return all > 0 && float64(held) >= minSaid*float64(all)
}

var polarity = regexp.MustCompile(`^(Yes|No)\b`)

func yesNo(answer string) string { return polarity.FindString(answer) }

// verbatim are the documents' own sentences with the quotes; empty where a quote is not in one sentence, or in a part of a table.
func verbatim(q eval.Question, golds []rag.Source) string {
	var out []string
	if word := yesNo(q.Answer); word != "" {
		out = append(out, word+".")
	}
	for _, g := range q.Gold {
		text := sentenceWith(g, golds)
		if !whole(text) {
			return ""
		}
		out = append(out, text)
	}
	return strings.Join(slices.Compact(out), " ")
}

// sentenceWith is the sentence that holds a quote, without its markup; empty where none does.
func sentenceWith(g eval.Gold, golds []rag.Source) string {
	for _, s := range golds {
		for _, sentence := range rag.Sentences(s.Passage.Text) {
			if holds(s.Passage, g) && strings.Contains(squeeze(sentence), squeeze(g.Quote)) {
				return plain(sentence)
			}
		}
	}
	return ""
}
