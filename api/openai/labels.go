package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Bounds of attributes, those of OpenAI, and of groups.
const (
	maxAttributes = 16
	maxKey        = 64  // characters
	maxText       = 512 // characters of a value
	maxGroups     = 64
	maxGroup      = 64 // characters
)

// FactPrefix begins the names of what every document has; attributes may not begin with it.
const FactPrefix = "groundwork."

// Labels are what a request says of a document; what is nil was not given.
type Labels struct {
	Attributes map[string]any // values are string, float64 or bool
	Allow      []string       // groups that may read it
}

// ToLabels reads POST /v1/vector_stores/{id}/files/{file_id}.
func ToLabels(f Fields) (Labels, *Invalid) {
	if bad := check(f, "", map[string]rule{"attributes": object, "groundwork": object}); bad != nil {
		return Labels{}, bad
	}
	l, bad := labels("", f)
	if bad == nil && l.Attributes == nil && l.Allow == nil {
		bad = invalid("attributes", "attributes is missing. Send the document's new attributes; {} takes them away.")
	}
	return l, bad
}

// labels reads the members attributes and groundwork.allow.
func labels(prefix string, f Fields) (l Labels, bad *Invalid) {
	if l.Attributes, bad = ToAttributes(f["attributes"], prefix+"attributes"); bad != nil {
		return Labels{}, bad
	}
	var more Fields
	decode(f["groundwork"], &more)
	if bad := check(more, prefix+"groundwork.", map[string]rule{"allow": ignored}); bad != nil {
		return Labels{}, bad
	}
	l.Allow, bad = toGroups(more["allow"], prefix+"groundwork.allow")
	return l, bad
}

// ToLabel reads the form field attributes, a JSON object, or allow, a JSON array.
func ToLabel(field, value string) (l Labels, bad *Invalid) {
	if field == "allow" {
		l.Allow, bad = toGroups(json.RawMessage(value), field)
		if bad == nil && l.Allow == nil {
			bad = invalid(field, "%s must be a JSON array of names of groups, as in [\"hr\"].", field)
		}
		return l, bad
	}
	if _, bad = Decode([]byte(value), 1); bad != nil {
		return Labels{}, invalid(field, "%s must be a JSON object of attributes, as in {\"team\": \"hr\", \"year\": 2026}.", field)
	}
	l.Attributes, bad = ToAttributes(json.RawMessage(value), field)
	return l, bad
}

// ToAttributes reads attributes that were given as the member param; nil when none were.
func ToAttributes(raw json.RawMessage, param string) (map[string]any, *Invalid) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var f Fields
	if json.Unmarshal(raw, &f) != nil || f == nil || len(f) > maxAttributes {
		return nil, invalid(param, "%s must be an object of at most %d attributes.", param, maxAttributes)
	}
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make(map[string]any, len(f))
	for _, name := range names {
		at := param + "." + clip(name)
		switch n := len([]rune(name)); {
		case n == 0 || n > maxKey || strings.ContainsFunc(name, unicode.IsControl):
			return nil, invalid(at, "The name of an attribute has 1 to %d characters, none of them a control character; %q is not one.", maxKey, clip(name))
		case strings.HasPrefix(name, FactPrefix):
			return nil, invalid(at, "Names that begin with %s are those of what every document has. Choose another than %q.", FactPrefix, clip(name))
		}
		value, ok := scalar(f[name])
		if s, isText := value.(string); isText && len([]rune(s)) > maxText {
			ok = false
		}
		if !ok {
			return nil, invalid(at, "%s must be a string of at most %d characters, a number or a boolean.", at, maxText)
		}
		out[name] = value
	}
	return out, nil
}

// toGroups reads names of groups; nil when none were given.
func toGroups(raw json.RawMessage, param string) ([]string, *Invalid) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	want := fmt.Sprintf("must be an array of at most %d names of groups, each of 1 to %d characters, without control characters and without spaces at the ends", maxGroups, maxGroup)
	list := []string{}
	if json.Unmarshal(raw, &list) != nil || list == nil || len(list) > maxGroups {
		return nil, invalid(param, "%s %s.", param, want)
	}
	for _, g := range list {
		if n := len([]rune(g)); n < 1 || n > maxGroup || g != strings.TrimSpace(g) || strings.ContainsFunc(g, unicode.IsControl) {
			return nil, invalid(param, "%s %s.", param, want)
		}
	}
	return list, nil
}
