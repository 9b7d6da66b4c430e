package jobs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"groundwork/eval/tune"
)

const (
	leastExamples = 10 // as OpenAI asks for
	mostExamples  = 50_000
	mostComplaint = 5 // lines that an error names
)

// turn is a message as OpenAI's files have it.
type turn struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	Weight  *float64        `json:"weight"`
	Name    string          `json:"name"`
	text    string
}

// read takes a file of conversations in OpenAI's form, one a line. Every answer of a conversation that has no weight
// of 0 is an example. What is wrong is told by line, and never in the words of the file.
func read(file io.Reader, param string, least int) ([]tune.Example, error) {
	var out []tune.Example
	var wrong []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	conversations, n := 0, 0
	for lines.Scan() {
		n++
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		conversations++
		examples, err := conversation(lines.Bytes())
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %s", n, err))
		}
		for i := range examples {
			examples[i].ID = fmt.Sprintf("line %d", n)
		}
		out = append(out, examples...)
	}
	problem := &Problem{Code: "invalid_" + param, Param: param}
	switch {
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		problem.Message = fmt.Sprintf("The file cannot be read beyond line %d, which is the last before one that is too long. A line has at most 1 MB.", n)
	case lines.Err() != nil: // no fault of the file
		return nil, fmt.Errorf("read %s beyond line %d: %w", param, n, lines.Err())
	case len(wrong) > 0:
		problem.Message = fmt.Sprintf("%d of %d lines are not conversations in OpenAI's form: %s.", len(wrong), conversations, strings.Join(wrong[:min(len(wrong), mostComplaint)], "; "))
	case conversations < least:
		problem.Message = fmt.Sprintf("The file has %d conversations; at least %d are needed.", conversations, least)
	case len(out) > mostExamples:
		problem.Message = fmt.Sprintf("The file has %d answers to learn from; at most %d are taken.", len(out), mostExamples)
	default:
		return out, nil
	}
	return nil, problem
}

func conversation(line []byte) ([]tune.Example, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(line, &object) != nil {
		return nil, fmt.Errorf("it is no JSON object")
	}
	for name := range object {
		if name != "messages" {
			return nil, fmt.Errorf("a member beside messages is not supported")
		}
	}
	var turns []turn
	if json.Unmarshal(object["messages"], &turns) != nil || len(turns) == 0 {
		return nil, fmt.Errorf("messages must be an array of objects with role and content")
	}
	learn := 0
	for i := range turns {
		t := &turns[i]
		switch {
		case !slices.Contains([]string{"system", "developer", "user", "assistant"}, t.Role):
			return nil, fmt.Errorf("messages[%d].role must be system, user or assistant", i)
		case json.Unmarshal(t.Content, &t.text) != nil || strings.TrimSpace(t.text) == "":
			return nil, fmt.Errorf("messages[%d].content must be a text that is not empty", i)
		case t.Weight != nil && (t.Role != "assistant" || *t.Weight != 0 && *t.Weight != 1):
			return nil, fmt.Errorf("messages[%d].weight must be 0 or 1, and of the assistant", i)
		case t.Role == "assistant" && (i == 0 || turns[i-1].Role == "assistant"):
			return nil, fmt.Errorf("messages[%d] answers nothing: a message of the user must come before it", i)
		}
		if t.Role == "assistant" && (t.Weight == nil || *t.Weight == 1) {
			learn++
		}
		if t.Role == "developer" {
			t.Role = "system"
		}
	}
	if turns[len(turns)-1].Role != "assistant" {
		return nil, fmt.Errorf("the last message must be the assistant's")
	}
	if learn == 0 {
		return nil, fmt.Errorf("no answer of the assistant has the weight 1")
	}
	return answersOf(turns), nil
}

// answersOf makes an example of each answer with what comes before it.
func answersOf(turns []turn) []tune.Example {
	var out []tune.Example
	var so []tune.Message
	question := ""
	for _, t := range turns {
		so = append(so, tune.Message{Role: t.Role, Content: t.text})
		if t.Role == "user" {
			question = t.text
			if at := strings.LastIndex(question, "\nQuestion:"); at >= 0 { // a prompt with passages, as the server makes it
				question = strings.TrimSpace(question[at+len("\nQuestion:"):])
			}
		}
		if t.Role == "assistant" && (t.Weight == nil || *t.Weight == 1) {
			out = append(out, tune.Example{Question: question, Answer: t.text, Messages: slices.Clone(so)})
		}
	}
	return out
}
