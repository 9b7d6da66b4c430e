package parse

import (
	"bytes"
	"encoding/json"
	"strings"
)

// readJSON keeps the source, indented when it is one long line. Keys of the
// outer two levels that hold objects or lists are headings. One value a line
// (JSON Lines) is a table without a head: each line stays whole.
func readJSON(data []byte, mediaType string, l Limits) (Text, error) {
	text, err := source(data, mediaType, l)
	if err != nil {
		return Text{}, err
	}
	if deepJSON(text, l.Depth) {
		return Text{}, tooDeep(l.Depth)
	}
	if !json.Valid([]byte(text)) {
		body := strings.TrimRight(text, "\n")
		if !jsonLines(body) {
			return Text{Body: text}, nil // comments, commas: text all the same
		}
		return Text{Body: text, Marks: []Mark{{Kind: KindTable, Start: 0, End: len(body)}}}, nil
	}
	if strings.Count(text, "\n") < len(text)/maxLine {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
			return Text{}, err
		}
		if text = b.String(); len(text) > l.Text {
			return Text{}, tooLarge(l.Text)
		}
	}
	return Text{Body: text, Marks: jsonKeys(text)}, nil
}

// maxLine is how long lines may be on average, in bytes, for a person to have written them.
const maxLine = 400

// deepJSON is true when brackets outside strings open more than limit levels.
func deepJSON(s string, limit int) bool {
	depth, inside := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// jsonLines is true when every line is an object or a list.
func jsonLines(s string) bool {
	lines := 0
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if line[0] != '{' && line[0] != '[' || !json.Valid([]byte(line)) {
			return false
		}
		lines++
	}
	return lines > 1
}

// jsonKeys marks the lines on which keys of the outer levels open an object or a list.
func jsonKeys(s string) []Mark {
	var marks []Mark
	depth, at := 0, 0
	for line := range strings.Lines(s) {
		key, opens := openedKey(line)
		if end := at + len(strings.TrimRight(line, "\n")); opens && key != "" && depth >= 1 && depth <= 2 && len(marks) <= maxMarks {
			marks = append(marks, Mark{Kind: KindHeading, Start: at, End: end, Level: depth, Label: key})
		}
		depth += brackets(line)
		at += len(line)
	}
	return marks
}

// openedKey is the key of a line such as `"servers": {`, which closes nothing.
func openedKey(line string) (string, bool) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, `"`) || !strings.HasSuffix(line, "{") && !strings.HasSuffix(line, "[") {
		return "", false
	}
	key, err := json.NewDecoder(strings.NewReader(line)).Token()
	name, ok := key.(string)
	return oneLine(name), err == nil && ok && brackets(line) == 1
}

// brackets is how many more levels a line opens than it closes.
func brackets(line string) int {
	n, inside := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			n++
		case c == '}' || c == ']':
			n--
		}
	}
	return n
}

// isJSON is true for text that begins as an object or a list does, and for
// which its name speaks, or which holds nothing else.
func isJSON(data []byte, mediaType string, named bool) bool {
	start := strings.TrimSpace(decode(data[:min(len(data), 64)], mediaType))
	if start == "" || start[0] != '{' && start[0] != '[' {
		return false
	}
	if named {
		return true
	}
	text := strings.TrimSpace(decode(data, mediaType))
	return json.Valid([]byte(text)) || jsonLines(text)
}
