package analyze

import (
	"strings"
	"sync"
)

// stems are the stems of words seen lately. Stemming costs about ten times
// what looking a word up does, and few words make up most of a text.
var stems = stemCache{young: map[string]string{}}

const (
	maxStems    = 32 << 10 // words in each half: about 4 MB together
	maxStemWord = 32       // bytes; longer words are rare and not kept
)

// stemCache keeps two halves: when the young one is full it becomes the old
// one, and what was in the old one and not asked for again is forgotten.
type stemCache struct {
	mu         sync.RWMutex
	young, old map[string]string
}

func (c *stemCache) get(word string) (stem string, ok bool) {
	c.mu.RLock()
	stem, ok = c.young[word]
	if ok {
		c.mu.RUnlock()
		return stem, true
	}
	stem, ok = c.old[word]
	c.mu.RUnlock()
	if ok {
		c.put(word, stem)
	}
	return stem, ok
}

func (c *stemCache) put(word, stem string) {
	if len(word) > maxStemWord {
		return
	}
	word, stem = strings.Clone(word), strings.Clone(stem) // a part of a text would keep all of it
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= maxStems {
		c.young, c.old = make(map[string]string, maxStems), c.young
	}
	c.young[word] = stem
}
