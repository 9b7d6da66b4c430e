package rag

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Op is what a Filter does: compare one attribute, or join other filters.
type Op string

// The operations, named as OpenAI names them.
const (
	OpEq  Op = "eq"
	OpNe  Op = "ne"
	OpGt  Op = "gt"
	OpGte Op = "gte"
	OpLt  Op = "lt"
	OpLte Op = "lte"
	OpIn  Op = "in"
	OpNin Op = "nin"
	OpAnd Op = "and"
	OpOr  Op = "or"
)

// Filter chooses documents by their facts. Every index gives the same meaning to it:
//
//   - eq and in hold when the document has the key with a value of the same type
//     that is equal: "5", 5 and true are three different things.
//   - ne is the opposite of eq and nin that of in: they hold for a document without
//     the key too.
//   - gt, gte, lt and lte compare numbers; they hold for nothing that is no number.
//   - and without filters holds for everything, or without filters for nothing.
type Filter struct {
	Op      Op       `json:"op"`
	Key     string   `json:"key,omitempty"`     // of a comparison
	Values  []any    `json:"values,omitempty"`  // string, finite float64 or bool; one, but for in and nin
	Filters []Filter `json:"filters,omitempty"` // of and, or
}

// Match tells whether a document fits whose facts get looks up.
func (f Filter) Match(get func(key string) (value any, ok bool)) bool {
	switch f.Op {
	case OpAnd:
		return !slices.ContainsFunc(f.Filters, func(g Filter) bool { return !g.Match(get) })
	case OpOr:
		return slices.ContainsFunc(f.Filters, func(g Filter) bool { return g.Match(get) })
	}
	value, ok := get(f.Key)
	switch f.Op {
	case OpEq, OpIn:
		return ok && slices.Contains(f.Values, value)
	case OpNe, OpNin:
		return !ok || !slices.Contains(f.Values, value)
	}
	number, isNumber := value.(float64)
	return ok && isNumber && f.Range().holds(number)
}

// Range is what gt, gte, lt and lte ask of a number; the bounds that are nil are none.
type Range struct{ Gt, Gte, Lt, Lte *float64 }

// Range of a comparison of numbers; of any other filter, one that nothing is in.
func (f Filter) Range() Range {
	if len(f.Values) == 1 {
		if n, ok := f.Values[0].(float64); ok {
			switch f.Op {
			case OpGt:
				return Range{Gt: &n}
			case OpGte:
				return Range{Gte: &n}
			case OpLt:
				return Range{Lt: &n}
			case OpLte:
				return Range{Lte: &n}
			}
		}
	}
	zero := 0.0
	return Range{Gt: &zero, Lt: &zero}
}

func (r Range) holds(n float64) bool {
	return (r.Gt == nil || n > *r.Gt) && (r.Gte == nil || n >= *r.Gte) && (r.Lt == nil || n < *r.Lt) && (r.Lte == nil || n <= *r.Lte)
}

// Keys are the attributes that the filter looks at, each once, in order.
func (f Filter) Keys() []string {
	var keys []string
	if f.Op != OpAnd && f.Op != OpOr {
		keys = []string{f.Key}
	}
	for _, g := range f.Filters {
		keys = append(keys, g.Keys()...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Only narrows what a search or a list may see of a store.
type Only struct {
	Filter *Filter  `json:"filter,omitempty"` // documents that fit it; nil: any
	Groups []string `json:"groups,omitzero"`  // documents that allow one of these groups; nil: any, and none when it is empty
}

// Match tells whether a document is among them: facts are looked up in get, allow
// are the groups that may read it.
func (o *Only) Match(get func(key string) (value any, ok bool), allow []string) bool {
	if o == nil {
		return true
	}
	return o.Reads(allow) && (o.Filter == nil || o.Filter.Match(get))
}

// Reads tells whether a document may be read that allow names the groups of.
func (o *Only) Reads(allow []string) bool {
	return o == nil || o.Groups == nil || slices.ContainsFunc(allow, func(g string) bool { return slices.Contains(o.Groups, g) })
}

// Key is the same for those that choose the same documents in the same words.
func (o *Only) Key() string {
	if o == nil {
		return ""
	}
	key, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("a filter holds what is no value: %v", err)) // only finite numbers, strings and booleans get in
	}
	return string(key)
}
