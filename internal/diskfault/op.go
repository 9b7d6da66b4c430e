// Package diskfault watches what a test's child process does to a folder,
// disturbs it, and makes what a power cut would have left.
//
// On Linux the child runs under a system call filter that asks the test before
// each call that changes a file (seccomp's user notification). The test writes
// down what is about to happen, or lets the call fail. Cut plays such a record
// up to a point and forgets, at random, what was not synced by then.
package diskfault

// Kind is what a call does.
type Kind int

// The kinds.
const (
	Create   Kind = iota // an empty file of a new name
	Mkdir                // a folder of a new name
	Write                // Data at Offset
	Truncate             // to Size
	Sync                 // of a file's bytes or a folder's names
	Rename               // Path to To
	Remove               // a name
)

// Op is one change, in the order in which the calls were made. Paths are
// relative to the folder that is watched; "." is the folder itself.
type Op struct {
	Kind   Kind
	Path   string
	To     string
	Offset int64
	Size   int64
	Data   []byte
	Failed bool // a Sync that was told to fail: what it was to keep may be gone for good
}
