package ingest

import "sync"

// signal wakes everybody who waits, any number of times. The zero value works.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed by the next fire. Take it before looking at what may change.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
