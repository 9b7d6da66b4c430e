package llmtest

import (
	"regexp"
	"strings"
)

var (
	passageMark = regexp.MustCompile(`(?m)^[ \t]*\[(\d+)\]`)
	questionTag = regexp.MustCompile(`(?im)^[ \t]*(?:the )?question[ \t]*:`)
	sentenceEnd = regexp.MustCompile(`[.!?](?:\s+|$)|\n+`)
)

// Extract is the default script: it copies the sentence of the prompt's
// numbered passages that shares most words with the question, and marks it
// [n]. Without passages it repeats what was said.
func Extract(req Request) Reply {
	prompt, question := split(req)
	marks := passageMark.FindAllStringSubmatchIndex(prompt, -1)
	if len(marks) == 0 {
		return Reply{Text: "You said: " + strings.TrimSpace(question)}
	}
	wanted := map[string]bool{}
	for _, w := range words(question) {
		if !stop[w] {
			wanted[stem(w)] = true
		}
	}
	best, bestScore, bestMark := "", -1.0, ""
	for i, m := range marks {
		end := len(prompt)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		for _, sentence := range sentences(prompt[m[1]:end]) {
			if score := overlap(sentence, wanted); score > bestScore {
				best, bestScore, bestMark = sentence, score, prompt[m[2]:m[3]]
			}
		}
	}
	return Reply{Text: best + " [" + bestMark + "]"}
}

// split finds the question: what follows the last "Question:" of the last
// message, else its last paragraph. The rest is where passages are.
func split(req Request) (prompt, question string) {
	if len(req.Messages) == 0 {
		return "", req.Prompt
	}
	last := req.Messages[len(req.Messages)-1].Content
	for _, m := range req.Messages[:len(req.Messages)-1] {
		prompt += m.Content + "\n\n"
	}
	if tags := questionTag.FindAllStringIndex(last, -1); len(tags) > 0 {
		tag := tags[len(tags)-1]
		question, _, _ = strings.Cut(strings.TrimSpace(last[tag[1]:]), "\n\n")
		return prompt + last[:tag[0]], question
	}
	trimmed := strings.TrimRight(last, " \n\t")
	if i := strings.LastIndex(trimmed, "\n\n"); i >= 0 {
		return prompt + trimmed[:i], trimmed[i:]
	}
	return prompt, last
}

// sentences are the sentences of a passage with at least three words. The
// first of several lines is a header: it helps search and is never cited.
func sentences(passage string) []string {
	var out []string
	if _, rest, ok := strings.Cut(passage, "\n"); ok && strings.TrimSpace(rest) != "" {
		passage = rest
	}
	start := 0
	add := func(end int) {
		if s := strings.TrimSpace(passage[start:end]); len(words(s)) >= 3 {
			out = append(out, s)
		}
		start = end
	}
	for _, m := range sentenceEnd.FindAllStringIndex(passage, -1) {
		add(m[1])
	}
	add(len(passage))
	return out
}

// overlap counts wanted words, and prefers whole sentences to titles and the
// shorter of two equal ones.
func overlap(sentence string, wanted map[string]bool) float64 {
	seen := map[string]bool{}
	all := words(sentence)
	for _, w := range all {
		if w = stem(w); wanted[w] {
			seen[w] = true
		}
	}
	score := float64(len(seen)) - float64(len(all))/1000
	if !strings.ContainsAny(sentence[len(sentence)-1:], ".!?") {
		score -= 0.5
	}
	return score
}

// render is the prompt as the template makes it.
func render(req Request) string {
	if len(req.Messages) == 0 {
		return req.Prompt
	}
	var b strings.Builder
	for _, m := range req.Messages {
		b.WriteString("<" + m.Role + ">\n" + m.Content + "\n")
	}
	return b.String() + "<assistant>\n"
}
