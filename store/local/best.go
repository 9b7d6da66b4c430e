package local

import (
	"cmp"
	"container/heap"
	"slices"

	"groundwork/rag"
)

// best keeps the k best of the hits it is given.
type best struct {
	k    int
	hits worstFirst // a heap once there are k
}

// better orders by score, then by id. Ids are looked at for ties only: reading
// them costs more than all the rest.
func better(a, b rag.Hit) int {
	if c := cmp.Compare(b.Score, a.Score); c != 0 {
		return c
	}
	return cmp.Compare(a.ChunkID, b.ChunkID)
}

// floor is the score that a hit must reach to get in; ok is false while any does.
func (b *best) floor() (score float64, ok bool) {
	if len(b.hits) < b.k {
		return 0, false
	}
	return b.hits[0].Score, true
}

func (b *best) offer(h rag.Hit) {
	switch {
	case len(b.hits) < b.k:
		if b.hits = append(b.hits, h); len(b.hits) == b.k {
			heap.Init(b.hits)
		}
	case better(h, b.hits[0]) < 0:
		b.hits[0] = h
		heap.Fix(b.hits, 0)
	}
}

// sorted gives the hits, best first.
func (b *best) sorted() []rag.Hit {
	slices.SortFunc(b.hits, better)
	return b.hits
}

type worstFirst []rag.Hit

func (h worstFirst) Len() int           { return len(h) }
func (h worstFirst) Less(i, j int) bool { return better(h[i], h[j]) > 0 }
func (h worstFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push and Pop complete heap.Interface: the heap neither grows nor shrinks.
func (h worstFirst) Push(any) {}
func (h worstFirst) Pop() any { return nil }

// lowest is a min-heap of at most k numbers: its root is the k-th largest seen.
type lowest struct {
	k int
	a []float64
}

func (l *lowest) full() bool { return len(l.a) == l.k }

func (l *lowest) offer(v float64) {
	if len(l.a) < l.k {
		l.a = append(l.a, v)
		for i := len(l.a) - 1; i > 0 && l.a[(i-1)/2] > l.a[i]; i = (i - 1) / 2 {
			l.a[(i-1)/2], l.a[i] = l.a[i], l.a[(i-1)/2]
		}
		return
	}
	if v <= l.a[0] {
		return
	}
	l.a[0] = v
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < len(l.a) && l.a[child+1] < l.a[child] {
			child++
		}
		if child >= len(l.a) || l.a[i] <= l.a[child] {
			return
		}
		l.a[i], l.a[child] = l.a[child], l.a[i]
		i = child
	}
}
