package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress draws a bar on a terminal and prints a line every ten seconds elsewhere.
type progress struct {
	bar   *progressbar.ProgressBar
	cli   *cli
	label string
	total int64
	unit  string
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
	p := &progress{cli: c, label: label, total: total, last: time.Now()}
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

func (p *progress) set(n int) { p.set64(int64(n)) }

func (p *progress) set64(n int64) {
	if p.bar != nil {
		_ = p.bar.Set64(n) // a bar that cannot be drawn is no reason to stop
		return
	}
	if time.Since(p.last) >= 10*time.Second {
		p.last = time.Now()
		fmt.Fprintf(p.cli.err, "%s: %d of %d%s\n", p.label, n, p.total, p.unit)
	}
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
