package openai

import "encoding/json"

// Search is a search request in either form.
type Search struct {
	Queries   []string
	Store     string // of POST /v1/search
	K         int
	Threshold float64 // lowest score that is shown
	Filter    *Filter // nil: every document
	Explain   bool
	Abstain   string // of the answer that is explained, as in Extension
	Budget    int    // likewise: context_budget
}

const maxQueries = 8

// ToStoreSearch reads POST /v1/vector_stores/{id}/search.
func ToStoreSearch(f Fields, l Limits) (Search, *Invalid) {
	bad := check(f, "", map[string]rule{
		"query": queries, "max_num_results": integer(1, 50), "rewrite_query": boolean, "ranking_options": rankingOptions, "filters": object,
	})
	if bad != nil {
		return Search{}, bad
	}
	s := Search{K: 10}
	if s.Filter, bad = ToFilter(f["filters"], "filters"); bad != nil {
		return Search{}, bad
	}
	s.Queries, _ = oneOrMany(f["query"]) // checked by queries
	decode(f["max_num_results"], &s.K)
	s.Threshold = threshold(f["ranking_options"])
	return s, allQueries(s.Queries, l)
}

// threshold is ranking_options.score_threshold, 0 when it is not given.
func threshold(raw json.RawMessage) float64 {
	var options struct {
		Threshold float64 `json:"score_threshold"`
	}
	decode(raw, &options)
	return options.Threshold
}

// ToSearch reads POST /v1/search.
func ToSearch(f Fields, l Limits) (Search, *Invalid) {
	bad := check(f, "", map[string]rule{"query": text, "store": text, "k": integer(1, 50), "explain": boolean, "filters": object, "abstain": abstain, "context_budget": integer(1, maxBudget)})
	if bad != nil {
		return Search{}, bad
	}
	s := Search{K: 5, Queries: []string{""}}
	if s.Filter, bad = ToFilter(f["filters"], "filters"); bad != nil {
		return Search{}, bad
	}
	decode(f["query"], &s.Queries[0])
	decode(f["store"], &s.Store)
	decode(f["k"], &s.K)
	decode(f["explain"], &s.Explain)
	decode(f["abstain"], &s.Abstain)
	decode(f["context_budget"], &s.Budget)
	if s.Store == "" {
		return s, invalid("store", "store is missing. Give a store's name or id; GET /v1/vector_stores lists them.")
	}
	return s, allQueries(s.Queries, l)
}

func allQueries(list []string, l Limits) *Invalid {
	if len(list) == 0 {
		list = []string{""}
	}
	for _, q := range list {
		if bad := Query("query", q, l); bad != nil {
			return bad
		}
	}
	return nil
}

func queries(raw json.RawMessage) string {
	if list, err := oneOrMany(raw); err != nil || len(list) == 0 || len(list) > maxQueries {
		return "must be a string or an array of 1 to 8 strings"
	}
	return ""
}

func rankingOptions(raw json.RawMessage) string {
	var f Fields
	if json.Unmarshal(raw, &f) != nil {
		return "must be an object"
	}
	bad := check(f, "", map[string]rule{"score_threshold": number(0, 1), "ranker": exactly(`"auto"`, `"none"`, `"default-2024-11-15"`)})
	if bad != nil {
		return "is wrong: " + bad.Message[:len(bad.Message)-1]
	}
	return ""
}

// SearchPage is OpenAI's reply to a vector store search.
type SearchPage struct {
	Object      string     `json:"object"`
	SearchQuery []string   `json:"search_query"`
	Data        []StoreHit `json:"data"`
	HasMore     bool       `json:"has_more"`
	NextPage    *string    `json:"next_page"`
}

// StoreHit is one passage of a SearchPage.
type StoreHit struct {
	FileID     string         `json:"file_id"`
	Filename   string         `json:"filename"`
	Score      float64        `json:"score"`
	Attributes map[string]any `json:"attributes"`
	Content    []Content      `json:"content"`
	Groundwork Ranked         `json:"groundwork"`
}

// Content is a piece of text.
type Content struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Ranked is one passage of a search with why it stands where it stands. Ranks
// count from 1 and are null when that leg did not find the passage.
type Ranked struct {
	Rank       *int     `json:"rank"` // null when dropped
	DocumentID string   `json:"document_id"`
	Filename   string   `json:"filename"`
	ChunkID    string   `json:"chunk_id"`
	Start      int      `json:"start"`
	End        int      `json:"end"`
	Page       *int     `json:"page"`
	Heading    []string `json:"heading"`
	Text       string   `json:"text,omitempty"`
	Score      float64  `json:"score"` // fused, 0 to 1
	DenseRank  *int     `json:"dense_rank"`
	Dense      float64  `json:"dense_score"` // cosine
	TextRank   *int     `json:"text_rank"`
	TextScore  float64  `json:"text_score"` // BM25
	RerankRank *int     `json:"rerank_rank,omitempty"`
	Rerank     *float64 `json:"rerank_score,omitempty"` // of any range
	Dropped    *string  `json:"dropped"`                // duplicate, budget or weak

	Attributes map[string]any `json:"attributes,omitempty"` // of the document
}

// SearchResults is the reply of POST /v1/search.
type SearchResults struct {
	Object string   `json:"object"`
	Query  string   `json:"query"`
	Store  string   `json:"store"`
	Data   []Ranked `json:"data"`

	Evidence    *Evidence    `json:"evidence,omitempty"`    // with explain
	Explanation *Explanation `json:"explanation,omitempty"` // with explain
}

// Explain adds e.
func (r *SearchResults) Explain(e Explanation) {
	r.Evidence, r.Explanation = &e.Evidence, &e
}

// Explanation is what an answer to the query would be made of, up to the model.
type Explanation struct {
	Evidence    Evidence           `json:"-"`
	Abstains    bool               `json:"abstains"`
	Given       []string           `json:"given"` // chunk ids in the prompt, in its order
	Spans       [][2]int           `json:"spans"` // which part of each document those passages are, in code points
	Context     ContextUse         `json:"context"`
	Prompt      []PromptMessage    `json:"prompt"`                 // as it would be sent
	NoPrompt    string             `json:"prompt_error,omitempty"` // why it could not be made
	TimingsMs   map[string]float64 `json:"timings_ms"`
	Fingerprint Fingerprint        `json:"fingerprint"`
}

// PromptMessage is one message to the model.
type PromptMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// NewSearchPage turns ranked passages into OpenAI's page.
func NewSearchPage(queries []string, ranked []Ranked) SearchPage {
	p := SearchPage{Object: "vector_store.search_results.page", SearchQuery: notNil(queries), Data: []StoreHit{}}
	for _, r := range ranked {
		hit := StoreHit{FileID: r.DocumentID, Filename: r.Filename, Score: r.Score, Attributes: orNone(r.Attributes),
			Content: []Content{{Type: "text", Text: r.Text}}, Groundwork: r}
		hit.Groundwork.Text, hit.Groundwork.Attributes = "", nil // they stand above
		p.Data = append(p.Data, hit)
	}
	return p
}

// NewSearchResults makes the reply.
func NewSearchResults(query, store string, ranked []Ranked) SearchResults {
	return SearchResults{Object: "search.results", Query: query, Store: store, Data: notNil(ranked)}
}
