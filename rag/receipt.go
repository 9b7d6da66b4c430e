package rag

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Receipt is what a deletion removed, place by place. It holds no text, name
// or path of what was deleted.
type Receipt struct {
	ID          string // del_…
	ObjectID    string // of the document, file, store or batch that was deleted
	StoreID     string // empty for a file
	SHA256      string // hex, of the newest original; empty for a store or a batch
	RequestedAt time.Time
	DeletedAt   time.Time // zero while something may be left on a disk

	// of the library
	Versions int // with their texts
	Passages int
	Answers  int // that were kept and made from it
	// of the index
	Chunks  int // with their terms
	Vectors int
	// of the original files
	Blobs int
}

// Complete reports whether everything is gone.
func (r Receipt) Complete() bool { return !r.DeletedAt.IsZero() }

// Hash is the SHA-256 (hex) of the receipt as callers get it, without the hash:
// JSON with sorted keys and no white space. Empty while it is not complete.
func (r Receipt) Hash() string {
	if !r.Complete() {
		return ""
	}
	said, err := json.Marshal(map[string]any{
		"id": r.ID, "object_id": r.ObjectID, "store_id": r.StoreID, "sha256": r.SHA256,
		"requested_at": r.RequestedAt.Unix(), "deleted_at": r.DeletedAt.Unix(),
		"removed": map[string]any{
			"library": map[string]int{"versions": r.Versions, "passages": r.Passages, "answers": r.Answers},
			"index":   map[string]int{"chunks": r.Chunks, "vectors": r.Vectors},
			"files":   map[string]int{"originals": r.Blobs},
		},
	})
	if err != nil {
		panic(fmt.Sprintf("a receipt that is no JSON: %v", err)) // it holds strings and numbers only
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:])
}
