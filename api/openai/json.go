package openai

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// Fields is a JSON object's members as they came.
type Fields map[string]json.RawMessage

// Decode reads body as one JSON object in UTF-8 that nests at most depth levels
// and names no member twice (programs differ in which of two they believe).
func Decode(body []byte, depth int) (Fields, *Invalid) {
	if !utf8.Valid(body) {
		return nil, invalid("", "The request body is not valid UTF-8. Send JSON encoded in UTF-8.")
	}
	if bad := walk(body, depth); bad != nil {
		return nil, bad
	}
	var f Fields
	if err := json.Unmarshal(body, &f); err != nil || f == nil {
		return nil, invalid("", "The request body is not a JSON object. Send an object such as {\"model\": \"…\"}.")
	}
	dropNulls(f)
	return f, nil
}

// dropNulls removes what is null: OpenAI's spelling of "not given".
func dropNulls(f Fields) {
	for name, raw := range f {
		if bytes.Equal(raw, []byte("null")) {
			delete(f, name)
		}
	}
}

// level is one open object or array.
type level struct {
	names map[string]bool // of an object; nil for an array
	value bool            // in an object: a value comes next
}

func walk(body []byte, depth int) *Invalid {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var open []level
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return nil // an object that ended early is Unmarshal's to report
		}
		if err != nil {
			return invalid("", "The request body is not valid JSON (at byte %d: %v). Correct it and send it again.", dec.InputOffset(), err)
		}
		delim, _ := tok.(json.Delim)
		if delim == '}' || delim == ']' {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			top := &open[n-1]
			if top.value = !top.value; top.value {
				name, _ := tok.(string)
				if top.names[name] {
					return invalid(name, "The member %q is there twice. Send it once.", name)
				}
				top.names[name] = true
				continue
			}
		}
		switch delim {
		case '{':
			open = append(open, level{names: map[string]bool{}})
		case '[':
			open = append(open, level{})
		}
		if len(open) > depth {
			return invalid("", "The request body nests deeper than %d levels. Flatten it.", depth)
		}
	}
}

// Model is the member "model".
func (f Fields) Model() (string, *Invalid) {
	var m string
	if err := json.Unmarshal(f["model"], &m); err != nil || m == "" {
		return "", invalid("model", "model must be the name of a model. GET /v1/models lists them.")
	}
	return m, nil
}

// Stream is the member "stream"; CheckForward and ToQuestion check its type.
func (f Fields) Stream() bool { return string(f["stream"]) == "true" }
