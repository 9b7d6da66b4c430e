package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress draws a bar on a terminal and prints a line every ten seconds elsewhere, both with the time that is left.
type progress struct {
	bar   *progressbar.ProgressBar
	cli   *cli
	label string
	total int64
	unit  string
	began time.Time
	from  int64 // was done at the begin
	last  time.Time
}

// progress counts documents.
func (c *cli) progress(label string, total int) *progress {
	return c.newProgress(label, int64(total), false)
}

// download counts bytes.
func (c *cli) download(label string, total int64) *progress {
	return c.newProgress(label, total, true)
}

func (c *cli) newProgress(label string, total int64, bytes bool) *progress {
	p := &progress{cli: c, label: label, total: total, began: time.Now(), last: time.Now()}
	if !c.watched() {
		if bytes {
			p.unit = " bytes"
		}
		return p
	}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetDescription(label), progressbar.OptionSetWriter(c.err), progressbar.OptionShowBytes(bytes),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(28))
	return p
}

// watched reports whether somebody looks at a terminal.
func (c *cli) watched() bool {
	f, ok := c.err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// skip tells that n were done before, which says nothing of the time that is left.
func (p *progress) skip(n int) {
	p.from, p.began = int64(n), time.Now()
	if p.bar != nil {
		_ = p.bar.Set(n)
	}
}

// of changes how many there are in all.
func (p *progress) of(total int) {
	if p.total = int64(total); p.bar != nil && total > 0 {
		p.bar.ChangeMax64(p.total)
	}
}

// left is the pace so far and the time that the rest takes at it, or nothing when that is not known yet.
func (p *progress) left(n int64) string {
	if n <= p.from {
		return ""
	}
	rest := time.Duration(float64(time.Since(p.began)) * float64(p.total-n) / float64(n-p.from))
	pace, per := float64(n-p.from)/time.Since(p.began).Seconds(), "second"
	if pace < 0.5 {
		pace, per = pace*60, "minute"
	}
	return fmt.Sprintf(", %.1f%s a %s, about %s left", pace, p.unit, per, rest.Round(time.Second))
}

func (p *progress) set(n int) { p.set64(int64(n)) }

func (p *progress) set64(n int64) {
	if p.bar != nil {
		_ = p.bar.Set64(n) // a bar that cannot be drawn is no reason to stop
		return
	}
	if time.Since(p.last) >= 10*time.Second && p.total < 0 {
		p.last = time.Now()
		fmt.Fprintf(p.cli.err, "%s: %d%s\n", p.label, n, p.unit)
	}
	if time.Since(p.last) >= 10*time.Second {
		p.last = time.Now()
		fmt.Fprintf(p.cli.err, "%s: %d of %d%s%s\n", p.label, n, p.total, p.unit, p.left(n))
	}
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// stages shows how far work of several steps is, each with a bar of its own.
type stages struct {
	cli  *cli
	what string
	now  *progress
}

func (c *cli) stages() *stages { return &stages{cli: c} }

// step may be called as often as anything is done; a total of 0 is not known.
func (s *stages) step(what string, done, total int64) {
	if s.now == nil || what != s.what {
		s.end()
		if total == 0 {
			total = -1 // a spinner
		}
		s.what, s.now = what, s.cli.newProgress(what, total, what == "bytes checked")
	}
	s.now.set64(done)
}

// end takes the last bar away.
func (s *stages) end() {
	if s.now != nil {
		s.now.done()
	}
}
