package tune

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

// Answer asks a chat model for the answer to a conversation.
type Answer func(ctx context.Context, messages []Message) (string, error)

const maxTaught = 400 // bytes of a taught answer: the house answers shortly

var (
	marks    = regexp.MustCompile(`\s*\[\d+(?:\s*,\s*\d+)*\]`)
	preamble = regexp.MustCompile(`(?i)^(?:(?:based on|according to) [^,]*, )`)
)

// Teach has a larger model write the answers of those examples that Build gave the passage which answers. It sees what the
// tuned model will see. Its answer is taken where the check that answers pass finds every sentence in the passage, where it has all
// figures of the program's answer, and where it is short; else the program's stays. Teacher tells them apart.
func Teach(ctx context.Context, examples []Example, model string, ask Answer, step func(done, all int)) ([]Example, error) {
	out, grounded, done := slices.Clone(examples), 0, 0
	for _, e := range out {
		if e.Kind == Grounded {
			grounded++
		}
	}
	for i, e := range out {
		if e.Kind != Grounded {
			continue
		}
		last := len(e.Messages) - 1
		reply, err := ask(ctx, e.Messages[:last])
		if err != nil {
			return nil, fmt.Errorf("ask the teacher: %w", err)
		}
		done++
		step(done, grounded)
		text, n := taught(reply, e)
		if text == "" {
			continue
		}
		e.Answer, e.Teacher = marked(text, n), model
		e.Messages = append(slices.Clone(e.Messages[:last]), Message{Role: "assistant", Content: e.Answer})
		out[i] = e.named()
	}
	return out, nil
}

// taught is a reply as it may be learnt, with the number of the passage that holds it; empty when it may not.
func taught(reply string, e Example) (text string, n int) {
	text = preamble.ReplaceAllString(squeeze(marks.ReplaceAllString(reply, "")), "")
	if len(text) < 8 || len(text) > maxTaught || talk.MatchString(text) || !strings.ContainsAny(text[len(text)-1:], ".!") {
		return "", 0
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	figures := rag.Numbers(text)
	for _, f := range rag.Numbers(marks.ReplaceAllString(e.Answer, "")) {
		if !slices.Contains(figures, f) {
			return "", 0
		}
	}
	for i, o := range e.Given {
		if o.ChunkID != e.Gold.ChunkID || i >= len(e.texts) {
			continue
		}
		gold := rag.Source{Index: 1, Passage: rag.Passage{ChunkID: o.ChunkID, Text: e.texts[i]}}
		if rag.Covers(text, e.Question, []rag.Source{gold}, analyze.Terms) {
			return text, i + 1
		}
	}
	return "", 0
}
