package llm

import (
	"container/list"
	"fmt"
	"math"
	"slices"
	"sync"

	"groundwork/rag"
)

// check verifies vectors and brings each to unit length.
func (e *Embedder) check(vectors [][]float32) error {
	for i, v := range vectors {
		if len(v) == 0 {
			return e.pool.badVectors(fmt.Errorf("vector %d is empty", i))
		}
		e.dimensions.CompareAndSwap(0, int64(len(v)))
		if want := e.Dimensions(); len(v) != want {
			return e.pool.fail(rag.CodeEmbedding, nil,
				"The embedding model gives vectors of %d dimensions and %d are configured; set llm.embed.dimensions, or the model that the documents were embedded with.", len(v), want)
		}
		if err := normalise(v); err != nil {
			return e.pool.badVectors(fmt.Errorf("vector %d: %w", i, err))
		}
	}
	return nil
}

// normalise scales v to length 1.
func normalise(v []float32) error {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("its length is %v", math.Sqrt(sum))
	}
	scale := 1 / math.Sqrt(sum)
	for i := range v {
		v[i] = float32(float64(v[i]) * scale)
	}
	return nil
}

func (c speaker) badVectors(err error) error {
	return c.fail(rag.CodeEmbedding, err, "The embedding model server sent something that is no set of vectors; check llm.embed.base_url and the server's log.")
}

// vectorCache keeps the vectors of the most recently used texts.
type vectorCache struct {
	mu    sync.Mutex
	size  int
	order *list.List // of *cached, most recent first
	at    map[string]*list.Element
}

type cached struct {
	text   string
	vector []float32
}

func newVectorCache(size int) *vectorCache {
	return &vectorCache{size: size, order: list.New(), at: map[string]*list.Element{}}
}

func (c *vectorCache) get(text string) ([]float32, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.at[text]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return slices.Clone(e.Value.(*cached).vector), true
}

func (c *vectorCache) put(text string, vector []float32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.at[text]; ok {
		e.Value.(*cached).vector = vector
		c.order.MoveToFront(e)
		return
	}
	c.at[text] = c.order.PushFront(&cached{text: text, vector: vector})
	if c.order.Len() > c.size {
		oldest := c.order.Remove(c.order.Back()).(*cached)
		delete(c.at, oldest.text)
	}
}
