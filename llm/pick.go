package llm

import (
	"hash/fnv"
	"time"
)

// pick chooses a server with a free slot for t, or nil. The server that the
// prompt's prefix belongs to comes first, as long as it is not much more loaded
// than the least loaded one.
func (p *pool) pick(t *ticket) *server {
	var best, home *server
	for i := range p.servers {
		s := p.servers[(p.turn+i)%len(p.servers)]
		if !s.open(t) {
			continue
		}
		if t.prefix != 0 && (home == nil || s.affinity(t.prefix) > home.affinity(t.prefix)) {
			home = s
		}
		if s.outstanding < s.slots && (best == nil || s.before(best)) {
			best = s
		}
	}
	if best == nil || home == nil || home.outstanding >= home.slots || home.busy() {
		return best
	}
	if home.load(-home.slack()) <= best.load(0) {
		return home
	}
	return best
}

// open tells whether t may go to s, now or when a slot is free.
func (s *server) open(t *ticket) bool {
	life, tried := t.tried[s]
	return s.up() && (!tried || life != s.life)
}

// before prefers servers that are not over-busy, then the least loaded.
func (s *server) before(other *server) bool {
	if a, b := s.busy(), other.busy(); a != b {
		return b
	}
	return s.load(0) < other.load(0)
}

// load is the share of slots in use, with some requests more or less.
func (s *server) load(more int) float64 {
	return float64(s.outstanding+more) / float64(s.slots)
}

// slack is how many requests more than the least loaded server a server may
// have for the sake of its prefix cache.
func (s *server) slack() int { return max(1, s.slots/4) }

// busy: the server said 429 and its Retry-After is not over.
func (s *server) busy() bool { return !s.busyUntil.IsZero() && time.Now().Before(s.busyUntil) }

// affinity ranks servers for a prefix: rendezvous hashing, so that a server
// that comes or goes moves only the prefixes that are or were its own.
func (s *server) affinity(prefix uint64) uint64 { return mix(prefix ^ s.seed) }

// hash is 0 for no text only.
func hash(text string) uint64 {
	if text == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return max(h.Sum64(), 1)
}

// mix spreads the bits (the finisher of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
