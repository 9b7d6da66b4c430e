package rag

import (
	"slices"
	"sync"
)

// keptOrders is how many orders are remembered, over all stores: a model server keeps few prompts in memory.
const keptOrders = 64

// A piece is a passage, or the stretch of it, as it stood in a prompt.
type piece struct {
	chunk      string
	start, end int
}

// orders remembers in which order the passages of recent prompts stood. The
// zero value is ready; it is safe for concurrent use.
type orders struct {
	mu     sync.Mutex
	recent [][]piece // newest first
}

// arrange numbers sources, which come best first. When recent prompts began
// with some of them, those come first and in that order, so that the model
// server need not read them again; a prompt that was read in vain is what a
// small machine has least to spare for.
func (o *orders) arrange(sources []Source) []Source {
	out := o.arranged(sources)
	order := make([]piece, len(out))
	for i := range out {
		order[i] = pieceOf(out[i])
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.remember(order)
	return out
}

// arranged is what arrange gives, with nothing remembered.
func (o *orders) arranged(sources []Source) []Source {
	pieces := make([]piece, len(sources))
	for i, s := range sources {
		pieces[i] = pieceOf(s)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	known := o.longest(pieces)
	out := make([]Source, 0, len(sources))
	for _, p := range known {
		out = append(out, sources[slices.Index(pieces, p)])
	}
	for i, p := range pieces {
		if !slices.Contains(known, p) {
			out = append(out, sources[i])
		}
	}
	for i := range out {
		out[i].Index = i + 1
	}
	return out
}

func pieceOf(s Source) piece { return piece{s.Passage.ChunkID, s.Passage.Start, s.Passage.End} }

// longest is the longest beginning of a recent order that holds nothing but pieces; of equals the newest.
func (o *orders) longest(pieces []piece) (best []piece) {
	for _, order := range o.recent {
		n := 0
		for n < len(order) && slices.Contains(pieces, order[n]) {
			n++
		}
		if n > len(best) {
			best = order[:n]
		}
	}
	return best
}

// remember puts order first. An order that only repeats the beginning of another is kept as well: it was used just now.
func (o *orders) remember(order []piece) {
	o.recent = slices.DeleteFunc(o.recent, func(old []piece) bool { return slices.Equal(old, order) })
	o.recent = slices.Insert(o.recent, 0, order)
	o.recent = o.recent[:min(len(o.recent), keptOrders)]
}
