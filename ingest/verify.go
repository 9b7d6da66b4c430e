package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"groundwork/rag"
)

// Records is the library as Verify walks it, across tenants.
type Records interface {
	EachStore(ctx context.Context, each func(rag.Store) error) error
	EachDocument(ctx context.Context, each func(rag.Document) error) error
	// EachOriginal names every content that a file or a version refers to, with the file; perhaps more than once.
	EachOriginal(ctx context.Context, each func(sha256, fileID string) error) error
	EachChunk(ctx context.Context, ref Ref, each func(Chunk) error) error
	// Body is the text of a version, and whether it is what was stored.
	Body(ctx context.Context, ref Ref) (text string, sound bool, err error)
	// Unreferenced returns those of the given contents that no file and no version refers to.
	Unreferenced(ctx context.Context, sha256 []string) ([]string, error)
	// Document is the row as it is now; rag.CodeNotFound when it is gone.
	Document(ctx context.Context, scope rag.Scope, id string) (rag.Document, error)
}

// Audited is an index as Verify reads it.
type Audited interface {
	Inventory
	Mender
	rag.Searcher
}

// Fault is one thing that Verify found wrong.
type Fault struct {
	Kind     string `json:"kind"` // see the constants
	Tenant   string `json:"tenant,omitempty"`
	Store    string `json:"store,omitempty"`
	Document string `json:"document,omitempty"`
	Original string `json:"original,omitempty"` // its SHA-256
	Detail   string `json:"detail"`

	staged int  // version of a ghost that no search finds; wholeStore when the store is one
	unread bool // of an original: it could not be read, and may be sound
}

const wholeStore = -1

// The kinds of faults.
const (
	FaultMissing  = "missing_entry"    // a chunk that the index should find and does not hold
	FaultGhost    = "ghost_entry"      // an entry of the index without a chunk of a live or coming version
	FaultDouble   = "double_entry"     // the same place of a document is held twice
	FaultVector   = "bad_vector"       // not the one that was stored, or not of unit length
	FaultTerms    = "bad_terms"        // the full text of an entry is not that of its chunk
	FaultLabels   = "bad_attributes"   // filters or permissions see other things of a document than its row says
	FaultFreq     = "bad_frequencies"  // a store's statistics are not those of its chunks
	FaultIndex    = "bad_index"        // what the index derives from its entries does not fit them
	FaultText     = "bad_text"         // a text or chunk is not what was stored, or a chunk not the text at its offsets
	FaultGap      = "missing_chunk"    // a ready version has not the chunks that its row counts
	FaultOriginal = "missing_original" // or one whose bytes do not hash to its name
	FaultOrphan   = "orphan_original"  // bytes that nothing refers to
)

// Audit is what Verify looked at and what it found.
type Audit struct {
	Stores    int     `json:"stores"`
	Documents int     `json:"documents"` // with a searchable version
	Waiting   int     `json:"waiting"`   // on their way: not judged
	Failed    int     `json:"failed"`
	Chunks    int     `json:"chunks"`
	Entries   int     `json:"entries"` // of the index
	Originals int     `json:"originals"`
	Lost      int     `json:"lost"`  // of these: missing or damaged, and every document of them says so (rag.CodeOriginal)
	Bytes     int64   `json:"bytes"` // of originals, read and hashed
	Faults    []Fault `json:"faults"`
	Truncated bool    `json:"truncated"` // more than maxFaults were found
}

// OK reports whether nothing is wrong.
func (a Audit) OK() bool { return len(a.Faults) == 0 }

// maxFaults bounds the list that Verify gives.
const maxFaults = 1000

func (a *Audit) add(f Fault) { a.Faults = append(a.Faults, f) }

// cut shortens the list to what a person reads.
func (a *Audit) cut() {
	if a.Truncated = len(a.Faults) > maxFaults; a.Truncated {
		a.Faults = a.Faults[:maxFaults]
	}
}

// Verifier compares documents, chunks, vectors, full text and originals. It
// changes nothing. What changes while it looks is not judged.
type Verifier struct {
	Records Records
	Index   Audited
	Files   Files
	Analyze rag.Analyze
	OnStore func(name string, done int) // progress; may be nil
}

// Verify looks at everything once.
func (v *Verifier) Verify(ctx context.Context) (Audit, error) {
	a, err := v.audit(ctx)
	a.cut()
	return a, err
}

func (v *Verifier) audit(ctx context.Context) (Audit, error) {
	a := Audit{Faults: []Fault{}}
	known := map[rag.Scope]bool{}
	var stores []rag.Store
	err := v.Records.EachStore(ctx, func(st rag.Store) error {
		stores = append(stores, st)
		return nil
	})
	if err != nil {
		return a, fmt.Errorf("list stores: %w", err)
	}
	documents := map[string][]rag.Document{}
	err = v.Records.EachDocument(ctx, func(d rag.Document) error {
		documents[d.StoreID] = append(documents[d.StoreID], d)
		return nil
	})
	if err != nil {
		return a, fmt.Errorf("list documents: %w", err)
	}
	for _, st := range stores {
		scope := rag.Scope{Tenant: st.Tenant, Store: st.ID}
		known[scope] = true
		if err := v.store(ctx, &a, scope, documents[st.ID]); err != nil {
			return a, fmt.Errorf("store %s: %w", st.ID, err)
		}
		if a.Stores++; v.OnStore != nil {
			v.OnStore(st.Name, a.Stores)
		}
	}
	if err := v.strangers(ctx, &a, known); err != nil {
		return a, err
	}
	return a, v.originals(ctx, &a, documents)
}

// strangers are entries of stores that the library does not know, and what belongs to no store.
// Stores that were made since known was listed are looked up.
func (v *Verifier) strangers(ctx context.Context, a *Audit, known map[rag.Scope]bool) error {
	unsound, err := v.Index.Unsound(ctx, rag.Scope{})
	if err != nil {
		return err
	}
	if unsound != "" {
		a.add(Fault{Kind: FaultIndex, Detail: unsound})
	}
	scopes, err := v.Index.Scopes(ctx)
	if err != nil {
		return fmt.Errorf("list the index's stores: %w", err)
	}
	err = v.Records.EachStore(ctx, func(st rag.Store) error {
		known[rag.Scope{Tenant: st.Tenant, Store: st.ID}] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("list stores: %w", err)
	}
	for _, scope := range scopes {
		if known[scope] {
			continue
		}
		n := 0
		if err := v.Index.Held(ctx, scope, func(Held) error { n++; return nil }); err != nil {
			return fmt.Errorf("store %s: %w", scope.Store, err)
		}
		if n > 0 {
			a.Entries += n
			a.add(Fault{Kind: FaultGhost, Tenant: scope.Tenant, Store: scope.Store, Detail: fmt.Sprintf("%d entries of a store that does not exist", n), staged: wholeStore})
		}
	}
	return nil
}

// originals reads and hashes every content that a file or a version refers to, and looks for those that nothing refers to.
func (v *Verifier) originals(ctx context.Context, a *Audit, documents map[string][]rag.Document) error {
	wanted := map[string][]string{} // the files of a content
	err := v.Records.EachOriginal(ctx, func(sum, file string) error { wanted[sum] = append(wanted[sum], file); return nil })
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	told := lostFiles(documents)
	for sum, files := range wanted {
		n, err := v.hash(ctx, sum)
		if err != nil && (ctx.Err() != nil || elsewhere(err)) {
			return err
		}
		a.Originals, a.Bytes = a.Originals+1, a.Bytes+n
		if err == nil {
			continue
		}
		if !slices.ContainsFunc(files, func(id string) bool { return !told[id] }) {
			a.Lost++
			continue
		}
		if free, look := v.Records.Unreferenced(ctx, []string{sum}); look != nil || len(free) == 0 { // else it was deleted meanwhile
			a.add(Fault{Kind: FaultOriginal, Original: sum, Detail: err.Error(), unread: !lost(err)})
		}
	}
	var strangers []string
	err = v.Files.List(ctx, func(sum string) error {
		if wanted[sum] == nil {
			strangers = append(strangers, sum)
		}
		return nil
	})
	if err != nil || len(strangers) == 0 {
		return err
	}
	free, err := v.Records.Unreferenced(ctx, strangers)
	for _, sum := range free {
		a.add(Fault{Kind: FaultOrphan, Original: sum, Detail: "nothing refers to it"})
	}
	return err
}

// lostFiles are those whose documents all say that their original is lost.
func lostFiles(documents map[string][]rag.Document) map[string]bool {
	lost := map[string]bool{}
	for _, store := range documents {
		for _, d := range store {
			before, known := lost[d.ID]
			lost[d.ID] = d.ErrorCode == rag.CodeOriginal && (before || !known)
		}
	}
	return lost
}

// elsewhere tells whether the server of the originals, or this machine's disk, is why one cannot be read.
func elsewhere(err error) bool {
	return rag.CodeOf(err) == rag.CodeUnavailable || rag.CodeOf(err) == rag.CodeFull
}

// lost tells whether an original is missing or not what its name says. Any other error may be the machine's.
func lost(err error) bool {
	return rag.CodeOf(err) == rag.CodeNotFound || rag.CodeOf(err) == rag.CodeOriginal
}

func (v *Verifier) hash(ctx context.Context, sum string) (n int64, err error) {
	r, err := v.Files.Open(ctx, sum)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := sha256.New()
	if n, err = io.Copy(h, r); err != nil {
		return n, err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return n, rag.Fail(rag.CodeOriginal, "its bytes hash to "+got)
	}
	return n, nil
}

// unit reports whether v has length 1, as far as float32 tells.
func unit(v []float32) bool {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Abs(sum-1) < 1e-3
}
