package api

import (
	"sync"
	"time"

	"github.com/gin-gonic/gin"

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
	if err := s.refusal(key); err != nil {
		return nil, err
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

// full refuses when nothing is free. It takes nothing: what comes in later may still be refused.
func (s *slots) full(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusal(key)
}

// refusal is that of a key's next request, or nil. The caller holds mu.
func (s *slots) refusal(key string) error {
	if s.used >= s.total {
		return busy("The server is answering as many requests as it can. Try again in a few seconds.")
	}
	if key != "" && s.byKey[key] >= s.perKey {
		return busy("This key has as many requests open as one key may. Wait for one of them to end, then try again.")
	}
	return nil
}

// room refuses a request at its door while all slots are taken: a refusal that
// looks up keys and reads bodies would take the processor from those who were let in.
func (s *Server) room(of *slots) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := of.full(""); err != nil {
			s.fail(c, err)
			c.Abort()
		}
	}
}

func busy(message string) error {
	return &rag.Error{Code: codeRate, Message: message, RetryAfter: 2 * time.Second}
}
