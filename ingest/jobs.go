package ingest

import "github.com/riverqueue/river"

// Jobs are River's, inserted by the library in the transaction that makes them
// necessary. Documents are read while others are embedded, but not far ahead of
// it (Limits.Ahead), so that they become searchable one after the other; a long
// document's batches let others pass.
const (
	priorityPublish = 1
	priorityEmbed   = 2
	priorityParse   = 3
	priorityLong    = 4
	longDocument    = 8 // batches
)

// QueueRead is the queue of the jobs that begin a document; all others are in
// River's default queue. So reading never waits for the embedding model, nor it for reading.
const QueueRead = "read"

// neverDiscard is high because only errors count against a job, and Service
// counts those itself; the death of a worker is none.
const neverDiscard = 1000

// ParseArgs is the job that turns a version's file into text and chunks.
type ParseArgs struct {
	Ref
}

// EmbedArgs is the job that embeds and indexes one batch of chunks.
type EmbedArgs struct {
	Ref
	From int `json:"from"` // first Seq
	To   int `json:"to"`   // behind the last Seq
	Of   int `json:"of"`   // batches of the version
}

// PublishArgs is the job that makes a version searchable.
type PublishArgs struct {
	Ref
}

// SweepArgs is the job that ends a deletion that was interrupted.
type SweepArgs struct {
	Tenant    string `json:"tenant"`
	RemovalID string `json:"removal"`
}

// DescribeArgs is the job that tells the index what was said of a document.
type DescribeArgs struct {
	Tenant     string `json:"tenant"`
	StoreID    string `json:"store"`
	DocumentID string `json:"document"`
}

// Kind names the job in the queue.
func (DescribeArgs) Kind() string { return "describe" }

// InsertOpts are River's.
func (DescribeArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Priority: priorityPublish, MaxAttempts: neverDiscard}
}

// Kind names the job in the queue.
func (ParseArgs) Kind() string { return "parse" }

// Kind names the job in the queue.
func (EmbedArgs) Kind() string { return "embed" }

// Kind names the job in the queue.
func (PublishArgs) Kind() string { return "publish" }

// Kind names the job in the queue.
func (SweepArgs) Kind() string { return "sweep" }

// InsertOpts are River's.
func (ParseArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueRead, Priority: priorityParse, MaxAttempts: neverDiscard}
}

// InsertOpts are River's.
func (a EmbedArgs) InsertOpts() river.InsertOpts {
	priority := priorityEmbed
	if a.Of > longDocument {
		priority = priorityLong
	}
	return river.InsertOpts{Priority: priority, MaxAttempts: neverDiscard}
}

// InsertOpts are River's.
func (PublishArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Priority: priorityPublish, MaxAttempts: neverDiscard}
}

// InsertOpts are River's.
func (SweepArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Priority: priorityPublish, MaxAttempts: neverDiscard}
}
