package parse

import "strings"

// readPlain keeps the text as it is.
func readPlain(data []byte, mediaType string, l Limits) (Text, error) {
	text, err := source(data, mediaType, l)
	return Text{Body: text}, err
}

// source is the decoded and cleaned text of a file that is text already.
func source(data []byte, mediaType string, l Limits) (string, error) {
	if len(data) > 4*l.Text+4 { // no encoding needs more than 4 bytes for what takes 1 in UTF-8
		return "", tooLarge(l.Text)
	}
	text := clean(decode(data, mediaType), false)
	if len(text) > l.Text {
		return "", tooLarge(l.Text)
	}
	if strings.TrimSpace(text) == "" {
		return "", noWords()
	}
	return text, nil
}
