package parse

import "os"

// For a child that tries what it must not.
var Confine = confine

// Greeting is what a child writes first.
const Greeting = greeting

// Waiting is the process that waits for a PDF; nil when none does.
func (r *Runner) Waiting() *os.Process {
	r.next.mu.Lock()
	defer r.next.mu.Unlock()
	if r.next.child == nil {
		return nil
	}
	<-r.next.child.started
	return r.next.child.cmd.Process
}
