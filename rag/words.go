package rag

import (
	"slices"
	"sort"
	"strings"
)

// words is a set of words, in order. It lies in two pieces of memory whatever
// its size: passages that are kept have hundreds of thousands of words, and the
// garbage collector would follow each string on its own.
type words struct {
	joined string
	ends   []uint32 // of each word in joined
}

// wordsOf makes the set of items. It changes their order.
func wordsOf(items []string) words {
	slices.Sort(items)
	items = slices.Compact(items)
	w := words{joined: strings.Join(items, ""), ends: make([]uint32, len(items))}
	end := 0
	for i, it := range items {
		end += len(it)
		w.ends[i] = uint32(end)
	}
	return w
}

func (w words) len() int { return len(w.ends) }

func (w words) at(i int) string {
	if i == 0 {
		return w.joined[:w.ends[0]]
	}
	return w.joined[w.ends[i-1]:w.ends[i]]
}

func (w words) has(word string) bool {
	i := sort.Search(len(w.ends), func(i int) bool { return w.at(i) >= word })
	return i < len(w.ends) && w.at(i) == word
}

// common counts the words that both sets have.
func common(a, b words) int {
	n := 0
	for i, j := 0, 0; i < a.len() && j < b.len(); {
		switch x, y := a.at(i), b.at(j); {
		case x == y:
			n, i, j = n+1, i+1, j+1
		case x < y:
			i++
		default:
			j++
		}
	}
	return n
}
