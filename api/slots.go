package api

import (
	"sync"
	"time"

	"groundwork/rag"
)

// slots bounds how much runs at once, in all and for each key. Nothing waits:
// what does not fit is refused, so that what was accepted stays healthy.
type slots struct {
	total, perKey int

	mu    sync.Mutex
	used  int
	byKey map[string]int
}

func newSlots(total, perKey int) *slots {
	return &slots{total: total, perKey: perKey, byKey: map[string]int{}}
}

// take gives the function that frees the slot again. An empty key counts in all only.
func (s *slots) take(key string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= s.total {
		return nil, busy("The server is answering as many requests as it can. Try again in a few seconds.")
	}
	if key != "" && s.byKey[key] >= s.perKey {
		return nil, busy("This key has as many requests open as one key may. Wait for one of them to end, then try again.")
	}
	s.used++
	s.byKey[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used--
		if s.byKey[key]--; s.byKey[key] == 0 {
			delete(s.byKey, key)
		}
	}, nil
}

func busy(message string) error {
	return &rag.Error{Code: codeRate, Message: message, RetryAfter: 2 * time.Second}
}
