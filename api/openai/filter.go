package openai

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Filter is OpenAI's: a comparison of one attribute, or others joined by and or or.
type Filter struct {
	Type    string
	Key     string   // of a comparison
	Values  []any    // string, float64 or bool; one, but for in and nin
	Filters []Filter // of and, or
}

// Bounds of a filter.
const (
	maxFilterDepth = 8   // levels, the comparison counted
	maxComparisons = 64  // in all
	maxListed      = 256 // values of one in or nin
	maxValues      = 512 // in all: an index compares each document with them
)

// ToFilter reads a filter that was given as the member param; nil when none was.
func ToFilter(raw json.RawMessage, param string) (*Filter, *Invalid) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	f, bad := toFilter(raw, param, maxFilterDepth, &budget{maxComparisons, maxValues})
	if bad != nil {
		return nil, bad
	}
	return &f, nil
}

// budget is what a filter may still hold.
type budget struct{ comparisons, values int }

func toFilter(raw json.RawMessage, param string, depth int, left *budget) (Filter, *Invalid) {
	var f Fields
	if json.Unmarshal(raw, &f) != nil || f == nil {
		return Filter{}, invalid(param, "%s must be a filter object, as in {\"type\": \"eq\", \"key\": \"team\", \"value\": \"hr\"}.", param)
	}
	var kind string
	decodeAs(f["type"], &kind)
	switch kind {
	case "and", "or":
		return toJoined(f, kind, param, depth, left)
	case "eq", "ne", "gt", "gte", "lt", "lte", "in", "nin":
		out, bad := toComparison(f, kind, param)
		left.comparisons--
		if left.values -= len(out.Values); left.comparisons < 0 || left.values < 0 {
			return Filter{}, invalid(param, "%s holds more than %d comparisons or %d values. Send fewer.", top(param), maxComparisons, maxValues)
		}
		return out, bad
	}
	return Filter{}, invalid(param+".type", "%s.type must be eq, ne, gt, gte, lt, lte, in, nin, and or or.", param)
}

func toJoined(f Fields, kind, param string, depth int, left *budget) (Filter, *Invalid) {
	if depth <= 1 {
		return Filter{}, invalid(param, "%s nests deeper than %d levels. Flatten it.", top(param), maxFilterDepth)
	}
	if bad := check(f, param+".", map[string]rule{"type": text, "filters": array}); bad != nil {
		return Filter{}, bad
	}
	var list []json.RawMessage
	decode(f["filters"], &list)
	if len(list) == 0 {
		return Filter{}, invalid(param+".filters", "%s.filters must hold at least one filter.", param)
	}
	out := Filter{Type: kind}
	for i, raw := range list {
		one, bad := toFilter(raw, fmt.Sprintf("%s.filters[%d]", param, i), depth-1, left)
		if bad != nil {
			return Filter{}, bad
		}
		out.Filters = append(out.Filters, one)
	}
	return out, nil
}

func toComparison(f Fields, kind, param string) (Filter, *Invalid) {
	if bad := check(f, param+".", map[string]rule{"type": text, "key": text, "value": ignored}); bad != nil {
		return Filter{}, bad
	}
	out := Filter{Type: kind}
	if decode(f["key"], &out.Key); out.Key == "" {
		return Filter{}, invalid(param+".key", "%s.key is missing. Name the attribute to compare.", param)
	}
	value, want, ok := param+".value", "a string, a number or a boolean", false
	switch kind {
	case "in", "nin":
		want = fmt.Sprintf("an array of 1 to %d strings, numbers or booleans", maxListed)
		out.Values, ok = scalars(f["value"])
	case "gt", "gte", "lt", "lte":
		want = "a number: only numbers have an order here"
		var one any
		one, ok = scalar(f["value"])
		if _, isNumber := one.(float64); !isNumber {
			ok = false
		}
		out.Values = []any{one}
	default:
		var one any
		one, ok = scalar(f["value"])
		out.Values = []any{one}
	}
	if !ok {
		return Filter{}, invalid(value, "%s must be %s.", value, want)
	}
	return out, nil
}

// top is the member that a path into it begins with.
func top(param string) string {
	name, _, _ := strings.Cut(param, ".filters[")
	return name
}

// decodeAs leaves into as it is when raw is something else.
func decodeAs(raw json.RawMessage, into *string) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*into = s
	}
}

// scalar is a string, a finite float64 or a bool.
func scalar(raw json.RawMessage) (any, bool) {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return nil, false
	}
	switch v.(type) {
	case string, float64, bool:
		return v, true
	}
	return nil, false
}

func scalars(raw json.RawMessage) ([]any, bool) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 || len(list) > maxListed {
		return nil, false
	}
	out := make([]any, len(list))
	for i, one := range list {
		var ok bool
		if out[i], ok = scalar(one); !ok {
			return nil, false
		}
	}
	return out, true
}
