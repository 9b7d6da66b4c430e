package rag

import (
	"io"
	"time"
)

// Store is a named collection of documents that is searched together
// (OpenAI's vector store).
type Store struct {
	ID        string // vs_…
	Tenant    string
	Name      string // unique in the tenant
	Metadata  map[string]string
	CreatedAt time.Time
	Counts    map[State]int // documents by state
	Bytes     int64
}

// State is where a document is on its way.
type State string

// The states, in order; failed documents stay visible with their error.
const (
	StateQueued    State = "queued"
	StateParsing   State = "parsing"
	StateEmbedding State = "embedding"
	StateReady     State = "ready"
	StateFailed    State = "failed"
)

// Done reports whether nothing more will happen by itself.
func (s State) Done() bool { return s == StateReady || s == StateFailed }

// Document is one document of one store. Its identity is (store, path); a new
// upload of the same path is a new version of the same document.
type Document struct {
	ID          string // file-…
	Tenant      string
	StoreID     string
	Path        string // relative path; for an attached file its file name
	SHA256      string // hex, of the newest version's original bytes
	Bytes       int64
	MediaType   string
	Version     int   // newest, from 1
	LiveVersion int   // the searchable one; 0 when none is
	State       State // of the newest version
	ErrorCode   Code
	Error       string // one sentence for the user
	Attempts    int    // how often a step of the newest version ended in an error
	WaitsFor    string // one sentence: why the newest version does not go on just now
	Chunks      int    // of the newest version
	ChunksDone  int
	Labels
	AttachedTo      string // id of the mail that it is attached to, in the same store; empty: it lies in the store itself
	AttachedVersion int    // the mail's newest version that has it
	TakenApart      bool   // its newest text is without what is attached to it: those are documents of their own
	Described       bool   // the index knows what this row says of the document
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Upload is a document on its way in.
type Upload struct {
	Path      string // in its store
	MediaType string // as declared
	Labels    Labels
	Body      io.Reader
}

// Batch is a set of files that were attached to a store together (OpenAI's
// file batch). Its counts are of the files as they are in the store now.
type Batch struct {
	ID        string // vsfb_…
	StoreID   string
	CreatedAt time.Time
	Cancelled bool          // somebody cancelled it
	Counts    map[State]int // files by state
	Gone      int           // files that are not in the store any more, cancelled ones among them
}

// File is an uploaded original (OpenAI's file object). A document made by
// /v1/documents has one too, with the same id.
type File struct {
	ID        string // file-…
	Tenant    string
	Filename  string
	Purpose   string
	SHA256    string
	Bytes     int64
	CreatedAt time.Time

	AttachedTo string // id of the mail that its document is attached to; empty for all others
}

// Page asks for one page of a list ordered by creation time and id.
type Page struct {
	Limit     int    // 1 to 100
	After     string // id of the last object of the page before; empty for the first
	Ascending bool
	State     State // only documents in this state; empty for all
}

// Principal is who calls.
type Principal struct {
	Tenant string
	KeyID  string   // empty on a loopback server without keys
	Verbs  []string // ask, write, admin; admin covers the others
	Stores []string // store ids or names the key is limited to; empty means all of the tenant's
	Groups []string // reads only documents that allow one of them; nil: reads everything
}

// Key describes an API key; the secret itself is shown once and kept only as a hash.
type Key struct {
	ID        string
	Tenant    string
	Name      string
	Verbs     []string
	Stores    []string
	Groups    []string // nil: reads everything
	CreatedAt time.Time
	RevokedAt *time.Time
}

// DefaultTenant owns everything until tenants are made.
const DefaultTenant = "default"

// Repeat names a request that may come again.
type Repeat struct {
	Caller      string // whose names these are: nobody else's request is a repetition
	Name        string // that the caller gave it
	Fingerprint string // of what is asked; another one under the same name is a mistake
}

// Reply is what a request was answered.
type Reply struct {
	Status int
	Body   []byte
}
