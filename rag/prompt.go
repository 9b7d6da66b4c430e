package rag

import (
	_ "embed" // prompts
	"fmt"
	"strings"
	"text/template"
)

// PromptVersion names the wording below in an answer's fingerprint.
const PromptVersion = "answer-2"

// The wording is in prompts/; a change there needs a new PromptVersion.
var (
	//go:embed prompts/system.txt
	systemText string
	//go:embed prompts/answer.tmpl
	answerText string

	answerTemplate = template.Must(template.New("answer").Parse(answerText))
)

// SystemPrompt says nothing of refusing: small models then refuse what they
// could answer. Whether to answer is decided before (judge).
var SystemPrompt = strings.TrimSpace(systemText)

// wording is what the template of the user's message is filled with.
type wording struct {
	Passages string // framed, one after the other
	Earlier  string // turns, one a line
	Question string
	Style    string // the caller's own instructions
}

// Abstention is the whole answer when the documents do not say.
const Abstention = "The documents do not answer this question."

// prompt builds the messages: fixed words first, then passages, then the
// caller's own instructions and earlier turns, then the question, so that the
// model server can reuse the prefix of an earlier question over the same passages.
func prompt(sources []Source, messages []Message) []Message {
	var passages, user strings.Builder
	for _, s := range sources {
		passages.WriteString(passageText(s.Index, s.Passage))
	}
	question, earlier, style := conversation(messages)
	w := wording{Passages: passages.String(), Earlier: earlier, Question: cutTemplates(question), Style: cutTemplates(style)}
	if err := answerTemplate.Execute(&user, w); err != nil {
		panic(err) // a template of ours over text; tests run it
	}
	return []Message{{Role: "system", Content: SystemPrompt}, {Role: "user", Content: user.String()}}
}

// passageText frames one passage. Nothing in it can look like the frame of another
// passage, like another part of the prompt or like the end of the message.
func passageText(index int, p Passage) string {
	header := framed(strings.Join(strings.Fields(firstLine(p.Header)), " "))
	rest := strings.TrimSpace(strings.TrimPrefix(p.Header, firstLine(p.Header)))
	if rest != "" {
		rest += "\n"
	}
	return fmt.Sprintf("[%d] %s\n%s\n\n", index, header, framed(rest+strings.TrimSpace(p.Text)))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// maxEarlier bounds what of the conversation goes along, in bytes.
const maxEarlier = 600

// conversation splits messages into the question, the turns before it (newest
// kept) and the caller's system or developer instructions.
func conversation(messages []Message) (question, earlier, style string) {
	var turns, styles []string
	for i, m := range messages {
		switch {
		case m.Role == "system" || m.Role == "developer":
			styles = append(styles, strings.TrimSpace(m.Content))
		case i == len(messages)-1:
			question = strings.TrimSpace(m.Content)
		default:
			turns = append(turns, m.Role+": "+cutTemplates(strings.Join(strings.Fields(m.Content), " ")))
		}
	}
	size := 0
	for i := len(turns) - 1; i >= 0 && size+len(turns[i]) <= maxEarlier; i-- {
		size += len(turns[i])
		earlier = turns[i] + "\n" + earlier
	}
	return question, earlier, strings.Join(styles, "\n")
}
