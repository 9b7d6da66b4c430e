package qdrant

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	qc "github.com/qdrant/go-client/qdrant"

	"groundwork/ingest"
	"groundwork/rag"
)

// Every fact of a document becomes keywords in one payload field, so that one
// index serves all attributes, whatever they are called: a string or boolean
// one, and a number sixteen, the beginnings of its place among all numbers
// written in hexadecimal digits. A range of numbers is then a few beginnings,
// at most fifteen a digit. Never change it: what is stored depends on it.

const (
	separator  = "\x1f" // is in no key
	digits     = "0123456789abcdef"
	longString = 200 // bytes from which a string stands there by its hash
)

// keyword of a value, for eq.
func keyword(key string, value any) string {
	switch v := value.(type) {
	case string:
		if len(v) > longString {
			sum := sha256.Sum256([]byte(v))
			return key + separator + "h" + hex.EncodeToString(sum[:])
		}
		return key + separator + "s" + v
	case bool:
		return fmt.Sprintf("%s%sb%t", key, separator, v)
	case float64:
		return key + separator + "n" + place(v)
	default:
		return key + separator // that no fact has
	}
}

// place of a number in sixteen digits: they sort as the numbers do.
func place(n float64) string {
	bits := math.Float64bits(n + 0) // -0 is 0
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return fmt.Sprintf("%016x", bits)
}

// keywords of all facts of a document, in order.
func keywords(facts rag.Attributes) []string {
	var out []string
	for key, value := range facts {
		whole := keyword(key, value)
		if _, isNumber := value.(float64); isNumber {
			for n := 1; n < len(digits); n++ {
				out = append(out, whole[:len(whole)-n])
			}
		}
		out = append(out, whole)
	}
	slices.Sort(out)
	return out
}

// ranged are the beginnings of the numbers in a range with one bound.
func ranged(key string, r rag.Range) []string {
	switch {
	case r.Gt != nil && r.Lt == nil:
		return beginnings(key, *r.Gt, func(d, bound byte) bool { return d > bound })
	case r.Gte != nil:
		return append(beginnings(key, *r.Gte, func(d, bound byte) bool { return d > bound }), keyword(key, *r.Gte))
	case r.Lt != nil && r.Gt == nil:
		return beginnings(key, *r.Lt, func(d, bound byte) bool { return d < bound })
	case r.Lte != nil:
		return append(beginnings(key, *r.Lte, func(d, bound byte) bool { return d < bound }), keyword(key, *r.Lte))
	}
	return nil
}

// beginnings are those of all numbers that are first different from bound in a digit that beyond takes.
func beginnings(key string, bound float64, beyond func(d, bound byte) bool) []string {
	var out []string
	at := place(bound)
	for i := range len(at) {
		for _, d := range []byte(digits) {
			if beyond(d, at[i]) {
				out = append(out, key+separator+"n"+at[:i]+string(d))
			}
		}
	}
	return out
}

// narrowing are the conditions of a scope that is not whole.
func narrowing(only *rag.Only) []*qc.Condition {
	if only == nil {
		return nil
	}
	var out []*qc.Condition
	if only.Groups != nil {
		out = append(out, anyOf(fieldAllow, only.Groups))
	}
	if only.Filter != nil {
		out = append(out, fits(*only.Filter))
	}
	return out
}

// fits is a filter as Qdrant has it; see rag.Filter for what it means.
func fits(f rag.Filter) *qc.Condition {
	switch f.Op {
	case rag.OpAnd:
		return qc.NewFilterAsCondition(&qc.Filter{Must: all(f.Filters)})
	case rag.OpOr:
		if len(f.Filters) == 0 {
			return nothing()
		}
		return qc.NewFilterAsCondition(&qc.Filter{Should: all(f.Filters)})
	case rag.OpEq, rag.OpIn:
		return anyOf(fieldFacts, values(f))
	case rag.OpNe, rag.OpNin:
		return qc.NewFilterAsCondition(&qc.Filter{MustNot: []*qc.Condition{anyOf(fieldFacts, values(f))}})
	}
	return anyOf(fieldFacts, ranged(f.Key, f.Range()))
}

func all(filters []rag.Filter) []*qc.Condition {
	out := make([]*qc.Condition, len(filters))
	for i, f := range filters {
		out[i] = fits(f)
	}
	return out
}

func values(f rag.Filter) []string {
	out := make([]string, len(f.Values))
	for i, v := range f.Values {
		out[i] = keyword(f.Key, v)
	}
	return out
}

func anyOf(field string, words []string) *qc.Condition {
	if len(words) == 0 {
		return nothing()
	}
	return qc.NewMatchKeywords(field, words...)
}

// nothing fits no point that a search looks at: those are live.
func nothing() *qc.Condition { return live(false) }

// described is a description as a part of a point's payload.
func described(d ingest.Description) map[string]*qc.Value {
	return map[string]*qc.Value{
		fieldFacts: stringList(keywords(d.Facts)), fieldAllow: stringList(d.Allow), fieldMark: qc.NewValueString(d.Mark()),
	}
}

func stringList(words []string) *qc.Value {
	out := make([]*qc.Value, len(words))
	for i, w := range words {
		out[i] = qc.NewValueString(w)
	}
	return qc.NewValueFromList(out...)
}
