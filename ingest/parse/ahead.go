package parse

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"sync"
	"time"
)

// ahead holds one child that has its PDF reader ready and waits for a document. Like any other it serves
// one, has given up every right before it sees it, and ends with its parent.
type ahead struct {
	mu     sync.Mutex
	child  *child
	timer  *time.Timer
	closed bool
}

// mayWait is true for a document that a child can read that started without it.
func mayWait(doc *os.File, l Limits) bool {
	info, err := doc.Stat()
	return canWait && err == nil && needs(info.Size(), l) <= aheadMemory(l)
}

// readPDF hands a PDF to the child that waits, or to a new one, and starts the next one when it is read.
func (r *Runner) readPDF(ctx context.Context, req request, doc *os.File) (Text, error) {
	defer r.refill(req)
	if c := r.take(); c != nil {
		end, err := r.serve(ctx, c, req, doc)
		if err != nil {
			return Text{}, err
		}
		if bytes.HasPrefix(end.out, []byte(greeting)) {
			return r.result(end)
		}
		// It ended before it had the document, which is not the document's doing.
	}
	c, err := r.waiting(req)
	if err != nil {
		return Text{}, err
	}
	end, err := r.serve(ctx, c, req, doc)
	if err != nil {
		return Text{}, err
	}
	return r.result(end)
}

// serve lets a child that waits read doc.
func (r *Runner) serve(ctx context.Context, c *child, req request, doc *os.File) (ended, error) {
	if err := c.hand(req, doc); err != nil {
		c.stop()
		return ended{err: cmp.Or(c.err, err)}, nil
	}
	return r.await(ctx, c, req.Limits.Wall)
}

// waiting starts a child that gets its document later.
func (r *Runner) waiting(req request) (*child, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	c, err := r.begin(request{Limits: req.Limits, CacheDir: req.CacheDir, Wait: true}, theirs, r.most())
	if err != nil {
		_, _ = ours.Close(), theirs.Close() // nothing was sent
		return nil, err
	}
	c.socket, c.theirs = ours, theirs
	go c.run()
	return c, nil
}

// take gives the child that waits, if one does.
func (r *Runner) take() *child {
	r.next.mu.Lock()
	defer r.next.mu.Unlock()
	c := r.next.child
	if c == nil {
		return nil
	}
	r.next.timer.Stop()
	r.next.child = nil
	return c
}

// refill lets a child wait, when none does, for as long as Ahead says.
func (r *Runner) refill(req request) {
	if r.Ahead <= 0 {
		return
	}
	r.next.mu.Lock()
	defer r.next.mu.Unlock()
	if r.next.child != nil || r.next.closed {
		return
	}
	c, err := r.waiting(req)
	if err != nil {
		return // the next PDF is told
	}
	r.next.child = c
	r.next.timer = time.AfterFunc(r.Ahead, func() { r.drop(c) })
}

func (r *Runner) drop(c *child) {
	r.next.mu.Lock()
	gone := r.next.child == c
	if gone {
		r.next.child = nil
	}
	r.next.mu.Unlock()
	if gone {
		c.stop()
	}
}

// Close ends the child that waits. Documents may be read later all the same.
func (r *Runner) Close() {
	r.next.mu.Lock()
	r.next.closed = true
	r.next.mu.Unlock()
	if c := r.take(); c != nil {
		c.stop()
	}
}
