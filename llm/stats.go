package llm

// Stats is a snapshot of a model's servers and of the line in front of them.
type Stats struct {
	Servers []ServerStats
	Waiting int    // requests in line
	Refused uint64 // requests turned away because the line was full or the wait too long, since the start
}

// ServerStats is one server.
type ServerStats struct {
	Host        string // host and port of its address
	Up          bool   // requests may go there
	Breaker     string // closed, half-open or open
	Slots       int    // requests that it may have at once
	Outstanding int    // requests that it has
	Requests    uint64 // since the start
	Failures    uint64 // of them: no connection, broken off, silent, or a status from 500 on
}

func (p *pool) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Stats{Waiting: p.line.n, Refused: p.refused}
	for _, s := range p.servers {
		out.Servers = append(out.Servers, ServerStats{
			Host: s.address.Host, Up: s.up(), Breaker: s.breaker.State().String(), Slots: s.slots,
			Outstanding: s.outstanding, Requests: s.requests, Failures: s.failures,
		})
	}
	return out
}

// Stats tells how the chat servers are used.
func (c *Chat) Stats() Stats { return c.pool.stats() }

// Stats tells how the embedding servers are used.
func (e *Embedder) Stats() Stats { return e.pool.stats() }
