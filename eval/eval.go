// Package eval scores retrieval and answers against questions whose answers
// are known: pure functions over a question set and what came back.
package eval

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Question is one line of a question set (JSONL).
type Question struct {
	ID          string   `json:"id"`
	Question    string   `json:"question"`
	Answer      string   `json:"answer"` // expected, in words
	Gold        []Gold   `json:"gold"`   // empty: the documents do not answer it
	Type        string   `json:"type"`
	MustContain []string `json:"must_contain"` // each must occur in a right answer, ignoring case; a|b means either
	Status      Status   `json:"status,omitempty"`
}

// Status is what became of a question that a program drafted; one that a person wrote has none.
type Status string

// The states of a draft.
const (
	Drafted  Status = "draft" // nobody has looked at it
	Accepted Status = "accepted"
	Dropped  Status = "dropped"
)

// Gold is a passage that answers a question: an exact quote of a document.
type Gold struct {
	Path  string `json:"path"`
	Quote string `json:"quote"`
}

// Answerable reports whether the documents answer the question.
func (q Question) Answerable() bool { return len(q.Gold) > 0 }

// Read reads a question set, one JSON object a line, without the drafts that
// nobody has accepted. Errors name the line.
func Read(r io.Reader) ([]Question, error) {
	all, err := ReadAll(r)
	return slices.DeleteFunc(all, func(q Question) bool { return q.Status == Drafted || q.Status == Dropped }), err
}

// ReadAll is Read with the drafts, accepted or not.
func ReadAll(r io.Reader) ([]Question, error) {
	var out []Question
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var q Question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return nil, fmt.Errorf("line %d of the questions: %w", n, err)
		}
		if q.ID == "" || q.Question == "" {
			return nil, fmt.Errorf("line %d of the questions: id and question must not be empty", n)
		}
		if !slices.Contains([]Status{"", Drafted, Accepted, Dropped}, q.Status) {
			return nil, fmt.Errorf("line %d of the questions: %q is no status: it is draft, accepted or dropped", n, q.Status)
		}
		out = append(out, q)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the questions: %w", err)
	}
	return out, nil
}

// Passage is what was retrieved: text of a document.
type Passage struct{ Path, Text string }

// Found tells which of q's gold quotes are in passages, white space made one
// space on both sides. A gold path matches a passage's path or an ending of it
// (documents may have been taken in from a folder above or below).
func Found(q Question, passages []Passage) []bool {
	out := make([]bool, len(q.Gold))
	for i, g := range q.Gold {
		quote := squeeze(g.Quote)
		for _, p := range passages {
			if samePath(g.Path, p.Path) && strings.Contains(squeeze(p.Text), quote) {
				out[i] = true
			}
		}
	}
	return out
}

func samePath(a, b string) bool {
	return a == b || strings.HasSuffix(a, "/"+b) || strings.HasSuffix(b, "/"+a)
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// Share is a count of a count.
type Share struct {
	N  int `json:"n"`
	Of int `json:"of"`
}

// Percent is 0 when nothing was counted.
func (s Share) Percent() float64 {
	if s.Of == 0 {
		return 0
	}
	return 100 * float64(s.N) / float64(s.Of)
}

func (s *Share) add(hit bool) {
	s.Of++
	if hit {
		s.N++
	}
}

func (s Share) String() string { return fmt.Sprintf("%5.1f %% (%d of %d)", s.Percent(), s.N, s.Of) }
