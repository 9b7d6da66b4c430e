package openai

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
)

// Groundwork is the extension object of an answer over a store. Every start
// and end counts Unicode code points, end exclusive; those of documents count
// in the extracted text that GET /v1/files/{id}/text returns.
type Groundwork struct {
	AnswerID         string             `json:"answer_id"`
	Abstained        bool               `json:"abstained"`
	Query            string             `json:"query"` // what was searched for
	Evidence         Evidence           `json:"evidence"`
	Sources          []Source           `json:"sources"`
	Citations        []Citation         `json:"citations"`
	Unsupported      [][2]int           `json:"unsupported"`                 // sentences of the answer that no passage supports: start, end
	DroppedSentences int                `json:"dropped_sentences,omitempty"` // unsupported sentences that were left out of the answer
	Nearest          []Source           `json:"nearest,omitempty"`           // of an abstention: passages that were found and not given to the model
	Context          ContextUse         `json:"context"`
	TimingsMs        map[string]float64 `json:"timings_ms"`
	Fingerprint      Fingerprint        `json:"fingerprint"`
}

// Evidence is what the decision to answer or to abstain was made by: below the
// threshold the answer is the abstention. A threshold of -1 is never reached.
type Evidence struct {
	Strength  float64 `json:"strength"`
	Threshold float64 `json:"threshold"`
	Embedding string  `json:"embedding"` // fingerprint of the embedding model; a calibration holds for one
}

// Sources is the extension object on the first chunk of a stream.
type Sources struct {
	AnswerID string   `json:"answer_id"`
	Sources  []Source `json:"sources"`
}

// Source is a passage that the model was given.
type Source struct {
	Index      int      `json:"index"`
	DocumentID string   `json:"document_id"`
	Filename   string   `json:"filename"`
	ChunkID    string   `json:"chunk_id"`
	Start      int      `json:"start"`
	End        int      `json:"end"`
	Page       *int     `json:"page"` // null when the format has no pages
	Heading    []string `json:"heading"`
	Text       string   `json:"text"`
	Score      float64  `json:"score"`

	Attributes map[string]any `json:"-"` // of the document; only the results of file_search show them
}

// Citation ties a part of the answer to a verbatim span of a document.
type Citation struct {
	Source      int      `json:"source"`
	AnswerStart int      `json:"answer_start"`
	AnswerEnd   int      `json:"answer_end"`
	DocumentID  string   `json:"document_id"`
	Start       int      `json:"start"`
	End         int      `json:"end"`
	Page        *int     `json:"page"`
	Heading     []string `json:"heading"`
	Quote       string   `json:"quote"`
	Verdict     string   `json:"verdict"` // supported, partly or unsupported
}

// ContextUse says what the model's window was used for, in tokens.
type ContextUse struct {
	Limit        int       `json:"limit"`
	Budget       int       `json:"budget"`
	PromptTokens int       `json:"prompt_tokens"`
	Cut          bool      `json:"cut,omitempty"`
	Dropped      []Dropped `json:"dropped"`

	Reranking *Reranking `json:"reranking,omitempty"` // with a reranker
}

// Reranking says what a reranker did. When it failed, the passages are in the order of the search.
type Reranking struct {
	Model    string `json:"model"`
	Passages int    `json:"passages"` // that it put into order
	Failed   string `json:"failed,omitempty"`
}

// Dropped is a passage that was found and not used.
type Dropped struct {
	ChunkID string `json:"chunk_id"`
	Reason  string `json:"reason"`
}

// Fingerprint is everything that made an answer.
type Fingerprint struct {
	Model           string  `json:"model"`
	Adapter         *string `json:"adapter"`
	Quantisation    *string `json:"quantisation"`
	Embedding       string  `json:"embedding"`
	Reranker        string  `json:"reranker,omitempty"`
	IndexGeneration int     `json:"index_generation"`
	Prompt          string  `json:"prompt"`
	Code            string  `json:"code"`
}

// String is a short hash that changes when anything in the fingerprint does.
func (f Fingerprint) String() string {
	h := fnv.New64a()
	for _, s := range []string{f.Model, orEmpty(f.Adapter), orEmpty(f.Quantisation), f.Embedding, strconv.Itoa(f.IndexGeneration), f.Prompt, f.Code} {
		_, _ = h.Write([]byte(s + "\x00")) // a hash never fails
	}
	_, _ = h.Write([]byte(f.Reranker))
	return fmt.Sprintf("fp_%016x", h.Sum64())
}

// Link is the address of a document's span on the web page at base.
func Link(base, documentID string, start, end int) string {
	return fmt.Sprintf("%s/#doc=%s&start=%d&end=%d", strings.TrimRight(base, "/"), url.QueryEscape(documentID), start, end)
}

// Page is a page number as the wire has it: null for none.
func Page(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}

// OrNull is s, or null when it is empty.
func OrNull(s string) *string { return orNull(s) }

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// whole replaces absent lists by empty ones.
func (g Groundwork) whole() Groundwork {
	g.Sources, g.Citations = notNil(g.Sources), notNil(g.Citations)
	g.Unsupported, g.Context.Dropped = notNil(g.Unsupported), notNil(g.Context.Dropped)
	if g.TimingsMs == nil {
		g.TimingsMs = map[string]float64{}
	}
	return g
}
