// Package failpoint names places in the code where tests let a process end. A
// place costs one load of a pointer while nothing is armed, and nothing but a
// test's own process arms: no key, no variable of the environment and no
// request does.
package failpoint

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// The places lie between the durable steps of a document's way.
const (
	BlobSynced        = "blob synced"                // its bytes are on the disk, under no name yet
	BlobRenamed       = "blob renamed"               // the name is not synced
	UploadStored      = "upload stored"              // the original is durable, no row refers to it
	UploadAccepted    = "upload accepted"            // row and job are committed, nobody was told
	ParseStarted      = "parse started"              // the row says so
	ParseRead         = "parse read"                 // the parser has ended, nothing is stored
	AttachedExpected  = "attachments expected"       // their contents count as in use, and are not there
	AttachedStored    = "attachments stored"         // their originals are durable, no row but the expectation refers to them
	ParseSaved        = "parse saved"                // text, chunks and embedding jobs are committed
	BatchEmbedded     = "batch embedded"             // vectors are here, the index has nothing
	BatchIndexed      = "batch indexed"              // staged in the index, not counted
	BatchCounted      = "batch counted"              // perhaps with the publish job
	PublishBegun      = "publish begun"              // every batch is there
	PublishDescribed  = "publish described"          // the index knows attributes and groups
	IndexPublished    = "index published"            // committed, what was removed is still in its log
	PublishFlipped    = "publish flipped"            // the index shows the version, the library does not
	PublishRedone     = "publish described again"    // what came late is described too
	PublishReady      = "publish ready"              // the library shows it, the old original is there
	PublishDropped    = "publish dropped"            // the old original is gone
	DescribeTold      = "describe told"              // the index knows, the row does not say so
	RemoveDecided     = "remove decided"             // the rows are gone, the index holds everything
	IndexRemoved      = "index removed"              // committed, still in its log
	RemoveCleaned     = "remove cleaned"             // the index holds nothing, the removal is pending
	LibraryRemoved    = "library removed"            // the rows are out of the library and its log, the removal is pending
	RemoveSwept       = "remove swept"               // only the original is left
	DropBegun         = "drop begun"                 // an original that nothing refers to is about to go
	FailRecorded      = "fail recorded"              // the row says failed, the index holds what was staged
	RemoveRowsDeleted = "remove rows deleted"        // inside the transaction
	AcceptInserted    = "accept inserted"            // inside the transaction
	IndexStaged       = "index staged but open"      // inside the transaction
	ReadyUpdated      = "ready updated but not done" // inside the transaction
)

// Names are all places, sorted.
func Names() []string {
	return slices.Sorted(slices.Values([]string{
		BlobSynced, BlobRenamed, UploadStored, UploadAccepted, ParseStarted, ParseRead, AttachedExpected, AttachedStored, ParseSaved, BatchEmbedded, BatchIndexed, BatchCounted,
		PublishBegun, PublishDescribed, IndexPublished, PublishFlipped, PublishRedone, PublishReady, PublishDropped, DescribeTold,
		RemoveDecided, IndexRemoved, RemoveCleaned, LibraryRemoved, RemoveSwept, DropBegun, FailRecorded, RemoveRowsDeleted, AcceptInserted,
		IndexStaged, ReadyUpdated,
	}))
}

type trap struct {
	name string
	left atomic.Int64
	do   func()
}

var armed atomic.Pointer[trap] // nil: off

// Arm has do called when the place is reached for the nth time, from 1. Only
// one place is armed at a time.
func Arm(name string, nth int, do func()) error {
	if !slices.Contains(Names(), name) {
		return fmt.Errorf("there is no place %q", name)
	}
	t := &trap{name: name, do: do}
	t.left.Store(int64(nth))
	armed.Store(t)
	return nil
}

// Disarm takes back what Arm did.
func Disarm() { armed.Store(nil) }

// Reached is called at a place.
func Reached(name string) {
	if t := armed.Load(); t != nil && t.name == name && t.left.Add(-1) == 0 {
		t.do()
	}
}
