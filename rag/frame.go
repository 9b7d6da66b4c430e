package rag

import (
	"strings"
	"unicode"
)

// framed makes text from outside harmless inside a prompt, and leaves all of it
// readable: what a chat template takes for the end of a message (<|im_end|>,
// </s>, [INST]) gets a space, control characters that nobody sees go, and a line
// that looks like the prompt's own ("[2] …", "Question: …") gets a bar in
// front. Nothing in it depends on the request, so that prompts with the same
// passages still begin alike.
func framed(text string) string {
	text = cutTemplates(strings.Map(seen, text))
	if !strings.ContainsAny(text, "[:") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if ownLine(line) {
			lines[i] = "| " + line
		}
	}
	return strings.Join(lines, "\n")
}

// seen drops control and format characters, but white space and the joiners that scripts need.
func seen(r rune) rune {
	switch {
	case r == '\n' || r == '\t' || r == '\u200c' || r == '\u200d':
		return r
	case r == '\r' || r == '\u2028' || r == '\u2029' || r == '\u0085' || r == '\v' || r == '\f':
		return '\n' // so that what follows is seen to begin a line
	case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// cutTemplates puts a space into what chat templates write between messages.
func cutTemplates(text string) string {
	if !strings.ContainsAny(text, "<[") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		out.WriteByte(text[i])
		if rest := text[i+1:]; text[i] == '<' && opensTemplate(rest) || text[i] == '[' && bracketed(rest) {
			out.WriteByte(' ')
		}
	}
	return out.String()
}

// opensTemplate: what follows "<" makes it a token such as <|im_end|>, <｜User｜>, </s>, <s>, <<SYS>>, <end_of_turn>.
func opensTemplate(rest string) bool {
	if strings.HasPrefix(rest, "|") || strings.HasPrefix(rest, "｜") || strings.HasPrefix(rest, "<SYS>>") || strings.HasPrefix(rest, "</SYS>>") {
		return true
	}
	name, _, closed := strings.Cut(rest, ">")
	switch strings.ToLower(strings.TrimPrefix(name, "/")) {
	case "s", "bos", "eos", "unk", "pad", "start_of_turn", "end_of_turn", "think", "tool_call", "tool_response", "sep", "cls", "mask":
		return closed
	}
	return false
}

// bracketed: what follows "[" makes it a token of capitals such as [INST] and [/TOOL_RESULTS].
func bracketed(rest string) bool {
	name, _, closed := strings.Cut(rest, "]")
	name = strings.TrimPrefix(name, "/")
	switch name {
	case "INST", "SYSTEM_PROMPT", "AVAILABLE_TOOLS", "TOOL_CALLS", "TOOL_RESULTS", "PREFIX", "SUFFIX", "MIDDLE":
		return closed
	}
	return false
}

// ownLine: the line looks like one that the prompt itself writes.
func ownLine(line string) bool {
	line = strings.ToLower(strings.TrimLeftFunc(line, func(r rune) bool { return unicode.IsSpace(r) || r == '\u200c' || r == '\u200d' }))
	for _, own := range []string{"passages:", "question:", "earlier in this conversation:", "how to write:", "system:", "assistant:", "user:"} {
		if strings.HasPrefix(line, own) {
			return true
		}
	}
	number, _, closed := strings.Cut(strings.TrimPrefix(line, "["), "]")
	return closed && strings.HasPrefix(line, "[") && number != "" && strings.Trim(number, "0123456789 ") == ""
}
