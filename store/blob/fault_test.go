package blob_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/store/blob/s3test"
)

func TestServerDiesInTheMiddleOfAnUpload(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	proxy := newProxy(t, server.Address())
	bucket := openBucket(t, s3test.URL(proxy.addr, ""), 3*time.Second)
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MB

	proxy.after(4<<20, server.Kill)
	_, _, err := bucket.Put(t.Context(), bytes.NewReader(content), 1<<30)
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	var user *rag.Error
	require.ErrorAs(t, err, &user)
	require.Positive(t, user.RetryAfter)
	require.GreaterOrEqual(t, proxy.sent.Load(), int64(4<<20), "it died before the upload")

	server.Restart()
	require.NoError(t, bucket.List(t.Context(), func(sum string) error { t.Errorf("%s is there", sum); return nil }))
	sum, size, err := bucket.Put(t.Context(), bytes.NewReader(content), 1<<30)
	require.NoError(t, err)
	require.EqualValues(t, len(content), size)
	require.Equal(t, string(content), readAll(t, bucket, sum))
}

// A connection that breaks once is not the caller's business.
func TestOneBrokenConnectionIsRetried(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	proxy := newProxy(t, server.Address())
	bucket := openBucket(t, s3test.URL(proxy.addr, ""), 10*time.Second)
	content := strings.Repeat("0123456789abcdef", 1<<18) // 4 MB

	proxy.after(1<<20, proxy.cut)
	sum, _, err := bucket.Put(t.Context(), strings.NewReader(content), 1<<30)
	require.NoError(t, err)
	require.Equal(t, content, readAll(t, openBucket(t, server.URL(""), 0), sum))

	proxy.afterReply(1<<20, proxy.cut)
	require.Equal(t, content, readAll(t, bucket, sum))
	require.Equal(t, int64(2), proxy.cuts.Load())
}

func TestEveryCallFailsInTimeAndWorksAgain(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	const timeout = 2 * time.Second
	bucket := openBucket(t, server.URL(""), timeout)
	sum, _, err := bucket.Put(t.Context(), strings.NewReader("before"), 10)
	require.NoError(t, err)
	opened, err := bucket.Open(t.Context(), sum)
	require.NoError(t, err)

	calls := map[string]func() error{
		"put":    func() error { _, _, err := bucket.Put(t.Context(), strings.NewReader("other"), 10); return err },
		"open":   func() error { _, err := bucket.Open(t.Context(), sum); return err },
		"read":   func() error { _, err := opened.Read(make([]byte, 1)); return err },
		"delete": func() error { return bucket.Delete(t.Context(), sum) },
		"list":   func() error { return bucket.List(t.Context(), func(string) error { return nil }) },
		"ping":   func() error { return bucket.Ping(t.Context()) },
	}
	for state, stop := range map[string]func(){"paused": server.Pause, "dead": server.Kill} {
		stop()
		for name, call := range calls {
			began := time.Now()
			err := call()
			require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err), "%s, %s: %v", name, state, err)
			require.Less(t, time.Since(began), 3*timeout+5*time.Second, "%s, %s", name, state) // read tries three times
		}
		if state == "paused" {
			server.Resume()
			require.Eventually(t, func() bool { return bucket.Ping(t.Context()) == nil }, 20*time.Second, 50*time.Millisecond)
		} else {
			server.Restart()
		}
	}
	rest, err := io.ReadAll(opened) // opened before, and nothing of it was lost
	require.NoError(t, err)
	require.Equal(t, "before", string(rest))
	require.NoError(t, opened.Close())
}

func TestCallersWhoGiveUpAreNoFault(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	bucket := openBucket(t, server.URL(""), 20*time.Second)
	sum, _, err := bucket.Put(t.Context(), strings.NewReader("before"), 10)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	opened, err := bucket.Open(ctx, sum)
	require.NoError(t, err)
	server.Pause()
	defer server.Resume()
	time.AfterFunc(200*time.Millisecond, cancel)
	_, err = opened.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
	_, err = bucket.Open(ctx, sum)
	require.ErrorIs(t, err, context.Canceled)
}

// proxy stands between a client and the server.
type proxy struct {
	addr  string
	flip  atomic.Bool // change one byte of each request's body
	sent  atomic.Int64
	cuts  atomic.Int64
	mu    sync.Mutex
	conns map[net.Conn]bool
	up    trigger
	down  trigger
}

// trigger does something once, after so many bytes.
type trigger struct {
	mu   sync.Mutex
	left int64
	do   func()
}

func (g *trigger) count(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left -= int64(n); g.left <= 0 && g.do != nil {
		g.do()
		g.do = nil
	}
}

func (g *trigger) set(bytes int64, do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.do = bytes, do
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{addr: l.Addr().String(), conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			p.mu.Lock()
			p.conns[client], p.conns[server] = true, true
			p.mu.Unlock()
			wg.Go(func() { p.copy(server, client, &p.up) })
			wg.Go(func() { p.copy(client, server, &p.down) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		p.close()
		wg.Wait()
	})
	return p
}

// after does something when bytes more have gone to the server, afterReply when they have come from it.
func (p *proxy) after(bytes int64, do func())      { p.up.set(bytes, do) }
func (p *proxy) afterReply(bytes int64, do func()) { p.down.set(bytes, do) }

func (p *proxy) cut() {
	p.cuts.Add(1)
	p.close()
}

func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}

func (p *proxy) copy(to, from net.Conn, g *trigger) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if g == &p.up {
			p.sent.Add(int64(n))
			if i := bytes.Index(buf[:n], []byte("content content")); i >= 0 && p.flip.Load() {
				buf[i] ^= 1
			}
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
		g.count(n)
	}
}
