// Package ingest is the way of a document: upload → parse → chunk → embed →
// index → ready. Every step runs twice without harm, and nothing is
// acknowledged before it is durable.
package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"groundwork/rag"
)

// Ref names one version of one document in one store.
type Ref struct {
	Tenant     string `json:"tenant"`
	StoreID    string `json:"store"`
	DocumentID string `json:"document"`
	Version    int    `json:"version"`
}

// Scope is the store the version lives in.
func (r Ref) Scope() rag.Scope { return rag.Scope{Tenant: r.Tenant, Store: r.StoreID} }

// Accepted is an upload whose bytes are already durable in Files.
type Accepted struct {
	Tenant    string
	StoreID   string
	FileID    string // set when an existing file is attached; empty makes a new document for Path
	Path      string // cleaned relative path
	SHA256    string
	Bytes     int64
	MediaType string // as declared; the parser decides by content
	Labels    rag.Labels
}

// Chunk is one chunk on its way into the library and the index.
// Invariant: Text == body[Start:End] counted in code points.
type Chunk struct {
	ID         string
	Seq        int
	Start, End int
	Page       int
	Heading    []string
	Header     string
	Text       string
	Damaged    bool // as it was read back: not what was stored
}

// Entry is one chunk as the index takes it.
type Entry struct {
	ChunkID    string
	DocumentID string
	Version    int
	Vector     []float32 // unit length
	Terms      []string  // of header and text, from rag/analyze
}

// Description is what filters and permissions see of a document.
type Description struct {
	DocumentID string
	Facts      rag.Attributes
	Allow      []string
}

// Describe is the description of a document as its row is now.
func Describe(d rag.Document) Description {
	return Description{DocumentID: d.ID, Facts: d.Facts(), Allow: d.Allow}
}

// Mark is the same for descriptions that say the same.
func (d Description) Mark() string {
	said, err := json.Marshal([]any{d.Facts, slices.Sorted(slices.Values(d.Allow))})
	if err != nil {
		panic(fmt.Sprintf("a description holds what is no value: %v", err)) // only finite numbers, strings and booleans get in
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:16])
}

// Reading is what was read out of a version's file.
type Reading struct {
	Text       string
	Chunks     []Chunk
	TakenApart bool // Text is without what is attached
	Attached   []Attached
}

// Attached is what a version has attached to it. Its bytes are durable in Files, and expected.
type Attached struct {
	Path      string // a file name; no two of a version have the same
	SHA256    string
	Bytes     int64
	MediaType string // as declared
}

// Attachments turns what is attached to documents into documents.
type Attachments interface {
	// Expect keeps contents from being unreferenced until SaveText made documents of
	// them, or the version went: with Ready of a newer one, or with the document.
	Expect(ctx context.Context, ref Ref, sha256 []string) error
	// Family are the ids of everything attached to a document, and to that, and so on.
	Family(ctx context.Context, scope rag.Scope, documentID string) ([]string, error)
}

// Library keeps documents, their text, their chunks and their jobs. Each
// method is one transaction. Versions of a document only ever rise. A Ref that
// was deleted, superseded or has failed gives ErrStale, one that is already
// searchable gives ErrDone; either way the caller stops quietly.
type Library interface {
	// Accept stores the document row (queued) and its parse job together. The
	// same path and content in the same store gives the existing document back
	// and enqueues nothing, unless that one failed: then it is tried again, as
	// a new version. It fails with rag.CodeBusy when the queue is full and with
	// rag.CodeNotFound when the store or the file does not exist.
	Accept(ctx context.Context, a Accepted) (doc rag.Document, created bool, err error)
	// Start moves the version to parsing.
	Start(ctx context.Context, ref Ref) (rag.Document, error)
	// SaveText stores text and chunks, replaces what an earlier attempt left,
	// moves to embedding and enqueues one embed job per batch of chunks. What is
	// attached becomes documents with what is said of this one and with jobs of their own: a new
	// one, or a new version of the one of the same path, unless that has the content and has not failed.
	SaveText(ctx context.Context, ref Ref, r Reading, batch int) error
	// Chunks returns the chunks with from <= Seq < to, in order.
	Chunks(ctx context.Context, ref Ref, from, to int) ([]Chunk, error)
	// Embedded marks the batch from <= Seq < to as indexed and enqueues the
	// publish job in the same transaction when none is left. A batch counts once.
	Embedded(ctx context.Context, ref Ref, from, to int) error
}

// Publisher is the end of a version, good or bad.
type Publisher interface {
	// Complete is nil while every chunk of the version is indexed and it waits
	// to be published, also when it was superseded after that. Once it gives
	// ErrStale it always will.
	Complete(ctx context.Context, ref Ref) error
	// Ready makes the version, which the index shows now, the live one and
	// drops text, chunks and blob references of older versions. A version that was
	// superseded after all its chunks were indexed becomes the live one too,
	// until the newer one is ready. What was attached to older versions only is removed
	// in the same transaction, as Trash does.
	Ready(ctx context.Context, ref Ref) (Superseded, error)
	// Fail records why the version will never be ready. An older live version stays live.
	Fail(ctx context.Context, ref Ref, code rag.Code, message string) error
	// Delayed records why the version does not go on just now, until its next
	// step is done, and whether an attempt was used up.
	Delayed(ctx context.Context, ref Ref, attempt bool, why string) error
}

// Superseded is what a version that became ready leaves to be deleted.
type Superseded struct {
	Originals []string  // SHA-256 of those that nothing refers to any more
	Removals  []Removal // of what was attached
}

// Catalog is what an upload and a wait need to know.
type Catalog interface {
	// Admit fails with rag.CodeBusy when Accept would.
	Admit(ctx context.Context, tenant string) error
	// AddFile stores a file that belongs to no store; ID and CreatedAt are given by the catalog.
	AddFile(ctx context.Context, f rag.File) (rag.File, error)
	File(ctx context.Context, tenant, id string) (rag.File, error)
	Document(ctx context.Context, scope rag.Scope, id string) (rag.Document, error)
	// Unreferenced returns those of the given blobs that no file and no version refers to.
	Unreferenced(ctx context.Context, sha256 []string) ([]string, error)
}

// Removal is a deletion that is decided, of which index and files may still hold
// something. It stays pending, with a sweep job, until Removed.
type Removal struct {
	ID       string // also of its receipt
	Tenant   string
	StoreID  string // empty for a file
	ObjectID string // what was asked to be deleted
	Targets  []Target
	SHA256   string   // of the file that was asked for; empty for a store
	Blobs    []string // that nothing referred to when the rows went
}

// Target is a document in a store, or a whole store when DocumentID is empty.
type Target struct {
	StoreID    string
	DocumentID string
}

// Trash deletes: it takes everything out of the library in one transaction, and
// begins the receipt and enqueues a sweep job with it; the same file cannot be
// attached to the same store (rag.CodeConflict) until Removed. With a document goes what is attached to it.
type Trash interface {
	// Remove deletes the document from its store, and the file itself when it
	// came with the document and no other store uses it.
	Remove(ctx context.Context, scope rag.Scope, documentID string) (Removal, error)
	RemoveFile(ctx context.Context, tenant, fileID string) (Removal, error)
	RemoveStore(ctx context.Context, scope rag.Scope) (Removal, error)
	Removals
}

// Removals are deletions on their way, and the receipts of all.
type Removals interface {
	// Pending gives ErrDone once Removed was called.
	Pending(ctx context.Context, tenant, removalID string) (Removal, error)
	// Swept adds what the index held to the receipt.
	Swept(ctx context.Context, r Removal, chunks, vectors int) error
	// Removed says that index and files hold nothing of it any more, and how many
	// originals went. When it returns, the disk holds nothing of the rows either,
	// as far as the database can tell; then the receipt is complete. It may be called twice.
	Removed(ctx context.Context, r Removal, originals int) error
	// Receipt is that of a removal, or of what was deleted last under an id;
	// rag.CodeNotFound when there is none.
	Receipt(ctx context.Context, tenant, id string) (rag.Receipt, error)
}

// Batches cancels files that were attached together.
type Batches interface {
	// CancelBatch is Trash.Remove for those files of the batch that are on
	// their way to a first searchable version; the others stay.
	CancelBatch(ctx context.Context, scope rag.Scope, batchID string) (Removal, error)
}

// Retrier tries failed documents again.
type Retrier interface {
	// Retry stores a new version of a failed document from its newest original, with its
	// parse job. It fails with rag.CodeConflict when the document has not failed, and with
	// rag.CodeBusy when the queue is full.
	Retry(ctx context.Context, scope rag.Scope, documentID string) (rag.Document, error)
}

// Backlog tells how far reading is ahead of embedding.
type Backlog interface {
	// Ahead counts the embed jobs that could run and wait for a worker, but for those of long documents.
	Ahead(ctx context.Context) (int, error)
}

// Files keeps original bytes by their SHA-256.
type Files interface {
	// Put is durable (fsynced) when it returns. limit is in bytes; more gives rag.CodeTooLarge.
	Put(ctx context.Context, r io.Reader, limit int64) (sha256 string, size int64, err error)
	// Stage is the first half of Put: it holds the bytes, durably once its Keep returns. Close it.
	Stage(ctx context.Context, r io.Reader, limit int64) (Staged, error)
	// Open fails with rag.CodeNotFound for unknown content.
	Open(ctx context.Context, sha256 string) (io.ReadSeekCloser, error)
	// Delete does nothing for unknown content.
	Delete(ctx context.Context, sha256 string) error
	// List calls each for every content once, in no order; an error from it ends the list and is returned.
	List(ctx context.Context, each func(sha256 string) error) error
}

// Staged is a content that has come whole.
type Staged interface {
	SHA256() string
	Size() int64 // bytes
	// Keep, called once, makes the content be there and durable, also when it was deleted since it was staged.
	Keep(ctx context.Context) error
	// Close gives up what was held for Keep.
	Close() error
}

// Labeller keeps what callers say of documents.
type Labeller interface {
	// Label changes it, nil fields stay as they are, and enqueues a describe job in the same transaction when anything changed.
	// What is attached to the document follows it, and cannot be labelled by itself (rag.CodeConflict).
	Label(ctx context.Context, scope rag.Scope, documentID string, l rag.Labels) (rag.Document, error)
	// Described says that the index knows of doc what it says; it does nothing when its row has changed meanwhile.
	Described(ctx context.Context, doc rag.Document) error
	// EachUndescribed calls each for every searchable document of which the index may not know what its row says.
	EachUndescribed(ctx context.Context, each func(rag.Document) error) error
}

// Index takes chunks. Upserted entries are invisible until Publish.
type Index interface {
	// Upsert is idempotent by ChunkID. An entry of the searchable version stays searchable.
	Upsert(ctx context.Context, scope rag.Scope, entries []Entry) error
	// Publish makes version the searchable one and removes every other version
	// of the document, in one step: a search sees the old or the new, never both, never neither.
	// A version older than the searchable one is discarded instead.
	Publish(ctx context.Context, scope rag.Scope, documentID string, version int) error
	// Discard deletes what was upserted for one version and is not searchable; it does nothing when there is nothing.
	Discard(ctx context.Context, scope rag.Scope, documentID string, version int) error
	// Remove deletes all versions and returns how many chunks and vectors went.
	Remove(ctx context.Context, scope rag.Scope, documentID string) (chunks, vectors int, err error)
	// RemoveStore deletes everything of the store.
	RemoveStore(ctx context.Context, scope rag.Scope) error
}

// Describer tells an index what filters and permissions see.
type Describer interface {
	// Describe says it of all entries that the index holds of the document, staged
	// ones too, in place of what was said before. Entries that come later have no
	// facts and may be read by no group until the next Describe.
	Describe(ctx context.Context, scope rag.Scope, d Description) error
}

// Embedder embeds passages and counts tokens with the embedding model's own tokenizer.
type Embedder interface {
	EmbedPassages(ctx context.Context, texts []string) ([][]float32, error)
	CountTokens(ctx context.Context, texts []string) ([]int, error)
}

// Text is what a parser makes of a file.
type Text struct {
	Body  string // valid UTF-8, no NUL
	Title string
	Marks []Mark // in order of Start

	Attached []Attachment // what was taken out of it; see Original
}

// Attachment is a file in a file. Name is one that CleanPath leaves as it is, and no two of a Text have the same.
type Attachment struct {
	Name      string
	MediaType string
	Data      []byte
}

// Mark says something about a stretch of Body. Start and End are byte offsets.
type Mark struct {
	Kind       MarkKind
	Start, End int
	Level      int    // of a heading, 1 to 6
	Page       int    // for MarkPage, from 1
	Label      string // of a heading: its text without markup; of a table: its header row
}

// MarkKind is the kind of a Mark.
type MarkKind string

// The kinds. A heading covers its own line; a page, table or code block covers its whole extent.
const (
	MarkHeading MarkKind = "heading"
	MarkPage    MarkKind = "page"
	MarkTable   MarkKind = "table"
	MarkCode    MarkKind = "code"
)

// ErrStale says that a job's version was deleted or superseded, or has failed.
var ErrStale = rag.Fail(rag.CodeNotFound, "this version of the document was deleted or replaced")

// ErrDone says that there is nothing left to do.
var ErrDone = rag.Fail(rag.CodeConflict, "this was already done")

// Held is one entry as an index holds it.
type Held struct {
	ChunkID    string
	DocumentID string
	Version    int
	Published  bool      // false: staged, no search finds it
	Length     int       // terms that the text leg counts in it
	Mark       string    // of its description; empty while it has none
	Terms      string    // Index.TermsMark of what the text leg finds it by
	Damaged    bool      // its checksum says that it is not what was upserted
	Vector     []float32 // unit length
}

// Inventory lists what an index holds, whoever put it there: to verify it and to copy it.
type Inventory interface {
	// Scopes are the stores of which the index holds anything.
	Scopes(ctx context.Context) ([]rag.Scope, error)
	// Held calls each for every entry of a store, in no order; an error from it ends the list and is returned.
	Held(ctx context.Context, scope rag.Scope, each func(Held) error) error
	// TermsMark is the same for terms that the text leg takes for the same.
	TermsMark(terms []string) string
}

// Mender keeps what an index derives from its entries: full text, statistics.
type Mender interface {
	// Unsound says what of a store's derived data does not fit its entries; empty when
	// all does. The empty scope stands for what can be told of no store.
	Unsound(ctx context.Context, scope rag.Scope) (string, error)
	// Mend derives it anew and drops what belongs to no entry. A search of the store may find less meanwhile.
	Mend(ctx context.Context, scope rag.Scope) error
}
