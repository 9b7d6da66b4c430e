package draft

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"groundwork/eval"
	"groundwork/rag"
)

// Kind is what a draft tries. It is also the question's type, but for a Lookup whose answer is a figure: that is a number.
type Kind string

// The kinds.
const (
	Lookup       Kind = "lookup"
	Table        Kind = "table"
	TwoDocuments Kind = "multi-passage"
	FalsePremise Kind = "false-premise"
	Outdated     Kind = "outdated" // an older document says another figure
	Unanswerable Kind = "unanswerable"
)

// Kinds are all of them, in the order in which they take turns.
func Kinds() []Kind {
	return []Kind{Lookup, Unanswerable, Table, FalsePremise, Lookup, TwoDocuments, Outdated}
}

// Document is a document of a store with the passages of its live version, in order.
type Document struct {
	ID       string
	Path     string
	Version  int
	Passages []rag.Passage
}

// Draft is one line of a file of drafts.
type Draft struct {
	eval.Question
	Unanswerable bool       `json:"unanswerable"`
	Provenance   Provenance `json:"provenance"`
}

// Provenance says what made a draft.
type Provenance struct {
	Model    string    `json:"model"`
	Prompt   string    `json:"prompt"` // version of the prompts
	Seed     uint64    `json:"seed"`
	Code     string    `json:"code"`
	Store    string    `json:"store"`
	Created  time.Time `json:"created"`
	Reviewed time.Time `json:"reviewed,omitzero"`
	Edited   bool      `json:"edited,omitempty"` // a person changed its words
	Shown    []Origin  `json:"shown"`            // what the model was given, in its order
}

// Origin is a span of a document.
type Origin struct {
	DocumentID string `json:"document_id"`
	Path       string `json:"path"`
	Version    int    `json:"version"`
	ChunkID    string `json:"chunk_id"`
	Quote      string `json:"quote"`
}

// Edit is what a person says of a draft; nil fields stay as they are.
type Edit struct {
	Status      *eval.Status `json:"status"`
	Question    *string      `json:"question"`
	Answer      *string      `json:"answer"`
	MustContain *[]string    `json:"must_contain"`
}

// Apply changes d, or tells why that cannot be: an accepted draft must be a question that can be scored.
func (e Edit) Apply(d Draft, now time.Time) (Draft, error) {
	d.Provenance.Reviewed = now.UTC()
	for _, f := range []struct {
		to *string
		by *string
	}{{&d.Question.Question, e.Question}, {&d.Answer, e.Answer}} {
		if f.by == nil {
			continue
		}
		words := strings.Join(strings.Fields(*f.by), " ")
		d.Provenance.Edited = d.Provenance.Edited || words != *f.to
		*f.to = words
	}
	if e.MustContain != nil {
		d.Provenance.Edited = d.Provenance.Edited || strings.Join(*e.MustContain, "\n") != strings.Join(d.MustContain, "\n")
		d.MustContain = append([]string{}, *e.MustContain...)
	}
	if e.Status != nil {
		d.Status = *e.Status
	}
	return d, d.Check()
}

const maxWords = 4000 // characters of a question or an answer

// Check tells whether d can stand in a question set.
func (d Draft) Check() error {
	switch {
	case d.ID == "" || d.Question.Question == "":
		return errors.New("a question needs an id and its words")
	case len(d.Question.Question) > maxWords || len(d.Answer) > maxWords:
		return fmt.Errorf("a question and its answer have at most %d characters each", maxWords)
	case d.Status != eval.Drafted && d.Status != eval.Accepted && d.Status != eval.Dropped:
		return fmt.Errorf("the status is %s, %s or %s", eval.Drafted, eval.Accepted, eval.Dropped)
	case d.Unanswerable && len(d.Gold) > 0:
		return errors.New("a question that the documents do not answer has no gold passages")
	case !d.Unanswerable && (len(d.Gold) == 0 || d.Answer == ""):
		return errors.New("a question that the documents answer needs a gold passage and an answer")
	case !d.Unanswerable && len(d.MustContain) == 0:
		return errors.New("must_contain is empty: then any answer would be right")
	}
	for _, must := range d.MustContain {
		if strings.TrimSpace(must) == "" {
			return errors.New("an entry of must_contain is empty: it would be in any answer")
		}
	}
	if !d.Unanswerable && !eval.Right(d.Question, d.Answer) {
		return errors.New("the answer does not hold what must_contain asks for")
	}
	return nil
}

// candidate is the id of what d was drafted for.
func (d Draft) candidate() string { return d.ID[strings.LastIndexByte(d.ID, '-')+1:] }

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
