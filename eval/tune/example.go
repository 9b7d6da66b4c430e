package tune

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"groundwork/rag"
)

// Document is a document of a store with the passages of its live version, in order.
type Document struct {
	ID       string
	Path     string
	Version  int
	Passages []rag.Passage
	Within   []string // paths of the mails that it is attached to
}

// Kind says what an example teaches.
type Kind string

// The kinds of examples.
const (
	Grounded   Kind = "grounded"    // the passage that answers is among those given
	Abstains   Kind = "abstains"    // it is not: the answer is the fixed abstention
	ClosedBook Kind = "closed_book" // no passages: a fact the model should know by itself
)

// Message is one turn, as every trainer spells it.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Example is one conversation to learn from. Messages end with the answer;
// nothing but the answer is trained on.
type Example struct {
	ID       string    `json:"id"` // of the content
	Kind     Kind      `json:"kind"`
	Method   string    `json:"method"` // key_value, table, sentence, heading or drafted: where the question comes from
	Question string    `json:"question"`
	Answer   string    `json:"answer"`
	Messages []Message `json:"messages"`
	Gold     Origin    `json:"gold"`              // where the answer stands; of an abstention: where it would have stood
	Quote    string    `json:"quote"`             // the words of the document that hold the answer
	Given    []Origin  `json:"given"`             // the passages in the prompt, in their order
	Teacher  string    `json:"teacher,omitempty"` // model that wrote the answer; empty: a program did
	HeldOut  bool      `json:"-"`                 // not trained on: measures the loss
	texts    []string  // of Given, for the leak check; read from Messages when the set comes from a file
}

// Origin is where a passage comes from.
type Origin struct {
	DocumentID string `json:"document_id"`
	Path       string `json:"path"`
	Version    int    `json:"version"`
	ChunkID    string `json:"chunk_id"`
	SHA256     string `json:"sha256"` // of the passage's text
}

func originOf(d Document, p rag.Passage) Origin {
	return Origin{DocumentID: d.ID, Path: d.Path, Version: d.Version, ChunkID: p.ChunkID, SHA256: digest([]byte(p.Text))}
}

// named gives the example its ID.
func (e Example) named() Example {
	raw, _ := json.Marshal(e.Messages) // strings always marshal
	e.ID = "ex_" + digest(raw)[:16]
	return e
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
