package clustertest_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between the processes and a server, and disturbs the network.
type proxy struct {
	t               *testing.T
	addr            string // where it listens
	network, target string // where it leads

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	held     chan struct{} // not nil: nothing passes until it is closed
	delay    time.Duration // of each piece, in each direction
	wg       sync.WaitGroup
}

func newProxy(t *testing.T, network, target string) *proxy {
	t.Helper()
	p := &proxy{t: t, addr: "127.0.0.1:0", network: network, target: target, conns: map[net.Conn]bool{}}
	p.listen()
	t.Cleanup(func() {
		p.flow()
		p.refuse()
		p.wg.Wait()
	})
	return p
}

// listen takes connections again after refuse.
func (p *proxy) listen() {
	p.t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", p.addr)
	require.NoError(p.t, err)
	p.mu.Lock()
	p.addr, p.listener = l.Addr().String(), l
	p.mu.Unlock()
	p.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(client) })
		}
	})
}

// refuse breaks every connection and takes no new ones.
func (p *proxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close() // it listens no more, whatever it says
		p.listener = nil
	}
	for c := range p.conns {
		c.Close()
	}
}

// hold takes connections and lets nothing pass, as a network does that drops packets.
func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
}

// flow ends a hold and a delay; what was held passes.
func (p *proxy) flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = 0
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// slow delays each piece in each direction.
func (p *proxy) slow(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(context.Background(), p.network, p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	open := p.listener != nil
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	if open {
		var both sync.WaitGroup
		both.Go(func() { p.copy(server, client) })
		both.Go(func() { p.copy(client, server) })
		both.Wait()
	}
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// copy passes pieces on until either side ends, then ends both.
func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		held, delay := p.held, p.delay
		p.mu.Unlock()
		if held != nil {
			<-held
		}
		if delay > 0 {
			<-time.After(delay)
		}
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}
