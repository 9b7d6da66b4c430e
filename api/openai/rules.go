package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// rule says what is wrong with a member's value, "" when nothing is. The text
// follows the member's name: "temperature must be …".
type rule func(raw json.RawMessage) string

// check refuses members without a rule, then applies the rules in the order of names.
func check(f Fields, prefix string, rules map[string]rule) *Invalid {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r, ok := rules[name]
		if !ok {
			return invalid(prefix+name, "%s%s is not supported here. Remove it.", prefix, clip(name))
		}
		if wrong := r(f[name]); wrong != "" {
			return invalid(prefix+name, "%s%s %s.", prefix, name, wrong)
		}
	}
	return nil
}

func clip(name string) string {
	if r := []rune(name); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return name
}

func ignored(json.RawMessage) string { return "" }

func as[T any](want string) rule {
	return func(raw json.RawMessage) string {
		var v T
		if json.Unmarshal(raw, &v) != nil {
			return "must be " + want
		}
		return ""
	}
}

var (
	text    = as[string]("a string")
	boolean = as[bool]("true or false")
	object  = as[map[string]json.RawMessage]("an object")
	array   = as[[]json.RawMessage]("an array")
)

func number(lo, hi float64) rule {
	return func(raw json.RawMessage) string {
		var v float64
		if json.Unmarshal(raw, &v) != nil || v < lo || v > hi {
			return fmt.Sprintf("must be a number from %g to %g", lo, hi)
		}
		return ""
	}
}

func integer(lo, hi int64) rule {
	return func(raw json.RawMessage) string {
		var v int64
		if json.Unmarshal(raw, &v) != nil || v < lo || v > hi {
			return fmt.Sprintf("must be a whole number from %d to %d", lo, hi)
		}
		return ""
	}
}

// exactly allows the values that mean "as usual".
func exactly(values ...string) rule {
	return func(raw json.RawMessage) string {
		var v any
		err := json.Unmarshal(raw, &v)
		compact, _ := json.Marshal(v) // what was just decoded encodes
		if err != nil || !slices.Contains(values, string(compact)) {
			return "can only be " + strings.Join(values, " or ") + " here"
		}
		return ""
	}
}

// subset allows an array of some of the names.
func subset(names ...string) rule {
	return func(raw json.RawMessage) string {
		var list []string
		if json.Unmarshal(raw, &list) != nil {
			return "must be an array of strings"
		}
		for _, name := range list {
			if !slices.Contains(names, name) {
				return fmt.Sprintf("cannot hold %q here", clip(name))
			}
		}
		return ""
	}
}

func stops(raw json.RawMessage) string {
	if list, err := oneOrMany(raw); err != nil || len(list) > 16 || slices.Contains(list, "") {
		return "must be a string or an array of at most 16 strings, none of them empty"
	}
	return ""
}

// oneOrMany reads a string or an array of strings.
func oneOrMany(raw json.RawMessage) ([]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	err := json.Unmarshal(raw, &many)
	return many, err
}

func streamOptions(raw json.RawMessage) string {
	var f Fields
	if json.Unmarshal(raw, &f) != nil {
		return "must be an object"
	}
	if bad := check(f, "", map[string]rule{"include_usage": boolean, "include_obfuscation": boolean}); bad != nil {
		return "is wrong: " + strings.TrimSuffix(bad.Message, ".")
	}
	return ""
}
