package openai

// ResponseHead is what every state of one response repeats.
type ResponseHead struct {
	Head
	SearchID  string // fs_… of the file_search_call
	MessageID string // msg_… of the message
	Results   bool   // show what was found
	Repeat    Repeat
}

// Response is OpenAI's response object. Nothing is kept, so Store is false whatever was asked.
type Response struct {
	ID                string             `json:"id"`
	Object            string             `json:"object"`
	CreatedAt         int64              `json:"created_at"`
	CompletedAt       *int64             `json:"completed_at"`
	Status            string             `json:"status"` // in_progress, completed, incomplete or failed
	Background        bool               `json:"background"`
	Error             *ResponseError     `json:"error"`
	IncompleteDetails *IncompleteDetails `json:"incomplete_details"`
	Model             string             `json:"model"`
	Output            []any              `json:"output"` // a SearchCall, then an OutputMessage
	ParallelToolCalls bool               `json:"parallel_tool_calls"`
	PreviousID        *string            `json:"previous_response_id"`
	Reasoning         Reasoning          `json:"reasoning"`
	Store             bool               `json:"store"`
	Text              TextConfig         `json:"text"`
	Truncation        string             `json:"truncation"`
	Usage             *ResponseUsage     `json:"usage"`
	Groundwork        *Groundwork        `json:"groundwork,omitempty"` // when there is an answer
	Repeat
}

// ResponseError says why a response failed; Code is of OpenAI's closed list.
type ResponseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// IncompleteDetails says why a response ended early.
type IncompleteDetails struct {
	Reason string `json:"reason"`
}

// Reasoning is always empty.
type Reasoning struct {
	Effort  *string `json:"effort"`
	Summary *string `json:"summary"`
}

// TextConfig is always plain text.
type TextConfig struct {
	Format struct {
		Type string `json:"type"`
	} `json:"format"`
}

// ResponseUsage is what the model server counted, in the words of responses.
type ResponseUsage struct {
	InputTokens        int          `json:"input_tokens"`
	InputTokensDetails InputDetails `json:"input_tokens_details"`
	OutputTokens       int          `json:"output_tokens"`
	OutputDetails      OutputDetail `json:"output_tokens_details"`
	TotalTokens        int          `json:"total_tokens"`
}

// InputDetails says how many prompt tokens came from the server's cache.
type InputDetails struct {
	CachedTokens     int `json:"cached_tokens"`
	CacheWriteTokens int `json:"cache_write_tokens"` // always 0: nothing is billed
}

// OutputDetail is there for clients that insist on it.
type OutputDetail struct {
	ReasoningTokens int `json:"reasoning_tokens"` // always 0
}

// SearchCall is a file_search_call item: what was searched for and, when asked for, found.
type SearchCall struct {
	ID      string       `json:"id"`
	Type    string       `json:"type"`
	Status  string       `json:"status"`
	Queries []string     `json:"queries"`
	Results []CallResult `json:"results"` // null unless include names them
}

// CallResult is one passage of a SearchCall.
type CallResult struct {
	FileID     string         `json:"file_id"`
	Filename   string         `json:"filename"`
	Score      float64        `json:"score"`
	Text       string         `json:"text"`
	Attributes map[string]any `json:"attributes"`
}

// OutputMessage is the answer.
type OutputMessage struct {
	ID      string       `json:"id"`
	Type    string       `json:"type"`
	Status  string       `json:"status"`
	Role    string       `json:"role"`
	Content []OutputText `json:"content"`
}

// OutputText is the only part of an OutputMessage.
type OutputText struct {
	Type        string         `json:"type"`
	Text        string         `json:"text"`
	Annotations []FileCitation `json:"annotations"`
	Logprobs    []any          `json:"logprobs"` // always empty
}

// FileCitation is a citation that holds, in whole or in part. Index is where
// the part of the answer ends that it supports, in code points.
type FileCitation struct {
	Type       string   `json:"type"`
	Index      int      `json:"index"`
	FileID     string   `json:"file_id"`
	Filename   string   `json:"filename"`
	Groundwork Citation `json:"groundwork"`
}

// Found is what a search gave before the model wrote its answer.
type Found struct {
	Query   string
	Sources []Source // given to the model, or of an abstention the nearest
}

// NewResponse is the reply to a request without stream; at is when it was complete, in Unix seconds.
func NewResponse(h ResponseHead, a Answer, at int64) Response {
	r := response(h, "completed")
	if finish(a) == "length" {
		r.Status, r.IncompleteDetails = "incomplete", &IncompleteDetails{Reason: "max_output_tokens"}
	} else {
		r.CompletedAt = &at
	}
	found := a.Groundwork.Sources
	if len(found) == 0 {
		found = a.Groundwork.Nearest
	}
	r.Output = []any{searchCall(h, "completed", &Found{Query: a.Groundwork.Query, Sources: found}), message(h, r.Status, outputText(a.Text, fileCitations(a)))}
	u, g := a.Usage, a.Groundwork.whole()
	r.Usage = &ResponseUsage{InputTokens: u.PromptTokens, OutputTokens: u.CompletionTokens, TotalTokens: u.TotalTokens,
		InputTokensDetails: InputDetails{CachedTokens: u.PromptTokensDetails.CachedTokens}}
	r.Groundwork = &g
	return r
}

func response(h ResponseHead, status string) Response {
	r := Response{ID: h.ID, Object: "response", CreatedAt: h.Created, Status: status, Model: h.Model, Output: []any{},
		ParallelToolCalls: true, Truncation: "disabled", Repeat: h.Repeat}
	r.Text.Format.Type = "text"
	return r
}

// searchCall has no queries and results before the search is over.
func searchCall(h ResponseHead, status string, found *Found) SearchCall {
	call := SearchCall{ID: h.SearchID, Type: "file_search_call", Status: status, Queries: []string{}}
	if found == nil {
		return call
	}
	call.Queries = []string{found.Query}
	if !h.Results {
		return call
	}
	call.Results = []CallResult{}
	for _, s := range found.Sources {
		call.Results = append(call.Results, CallResult{FileID: s.DocumentID, Filename: s.Filename, Score: s.Score, Text: s.Text, Attributes: orNone(s.Attributes)})
	}
	return call
}

func message(h ResponseHead, status string, parts ...OutputText) OutputMessage {
	return OutputMessage{ID: h.MessageID, Type: "message", Status: status, Role: "assistant", Content: notNil(parts)}
}

func outputText(text string, annotations []FileCitation) OutputText {
	return OutputText{Type: "output_text", Text: text, Annotations: notNil(annotations), Logprobs: []any{}}
}

func fileCitations(a Answer) []FileCitation {
	var out []FileCitation
	names := filenames(a)
	for _, c := range a.holding() {
		out = append(out, FileCitation{Type: "file_citation", Index: c.AnswerEnd, FileID: c.DocumentID, Filename: names[c.Source], Groundwork: c})
	}
	return out
}
