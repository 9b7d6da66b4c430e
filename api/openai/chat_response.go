package openai

// Head is what every part of one reply repeats.
type Head struct {
	ID      string
	Model   string // as the caller named it
	Created int64  // Unix seconds
}

// Answer is a complete answer over a store.
type Answer struct {
	Text         string
	FinishReason string // stop or length; empty means stop
	Usage        Usage
	Groundwork   Groundwork
	Base         string // address that links to documents start with
}

// Completion is a chat.completion object.
type Completion struct {
	ID                string     `json:"id"`
	Object            string     `json:"object"`
	Created           int64      `json:"created"`
	Model             string     `json:"model"`
	Choices           []Choice   `json:"choices"`
	Usage             *Usage     `json:"usage"`
	SystemFingerprint string     `json:"system_fingerprint"`
	Groundwork        Groundwork `json:"groundwork"`
}

// Choice is the only choice of a completion.
type Choice struct {
	Index        int     `json:"index"`
	Message      Reply   `json:"message"`
	Logprobs     *string `json:"logprobs"` // always null
	FinishReason string  `json:"finish_reason"`
}

// Reply is the assistant's message.
type Reply struct {
	Role        string       `json:"role"`
	Content     string       `json:"content"`
	Refusal     *string      `json:"refusal"` // always null
	Annotations []Annotation `json:"annotations"`
}

// Annotation is a citation in OpenAI's shape.
type Annotation struct {
	Type        string      `json:"type"`
	URLCitation URLCitation `json:"url_citation"`
}

// URLCitation covers StartIndex to EndIndex of the answer, in code points.
type URLCitation struct {
	StartIndex int    `json:"start_index"`
	EndIndex   int    `json:"end_index"`
	URL        string `json:"url"`
	Title      string `json:"title"`
}

// Usage is what the model server counted.
type Usage struct {
	PromptTokens        int          `json:"prompt_tokens"`
	CompletionTokens    int          `json:"completion_tokens"`
	TotalTokens         int          `json:"total_tokens"`
	PromptTokensDetails TokenDetails `json:"prompt_tokens_details"`
}

// TokenDetails says how many prompt tokens came from the server's cache.
type TokenDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

// NewUsage adds up.
func NewUsage(prompt, cached, completion int) Usage {
	return Usage{PromptTokens: prompt, CompletionTokens: completion, TotalTokens: prompt + completion,
		PromptTokensDetails: TokenDetails{CachedTokens: cached}}
}

// FromAnswer is the reply to a request without stream.
func FromAnswer(h Head, a Answer) Completion {
	return Completion{
		ID: h.ID, Object: "chat.completion", Created: h.Created, Model: h.Model,
		Choices: []Choice{{
			Message:      Reply{Role: "assistant", Content: a.Text, Annotations: annotations(a)},
			FinishReason: finish(a),
		}},
		Usage:             &a.Usage,
		SystemFingerprint: a.Groundwork.Fingerprint.String(),
		Groundwork:        a.Groundwork.whole(),
	}
}

// holding are the citations that hold, in whole or in part; what a passage
// does not support is in the extension only, where its verdict stands beside it.
func (a Answer) holding() []Citation {
	var out []Citation
	for _, c := range a.Groundwork.Citations {
		if c.Verdict != "unsupported" {
			out = append(out, c)
		}
	}
	return out
}

func annotations(a Answer) []Annotation {
	out, names := []Annotation{}, filenames(a)
	for _, c := range a.holding() {
		out = append(out, Annotation{Type: "url_citation", URLCitation: URLCitation{
			StartIndex: c.AnswerStart, EndIndex: c.AnswerEnd,
			URL: Link(a.Base, c.DocumentID, c.Start, c.End), Title: names[c.Source],
		}})
	}
	return out
}

// filenames are those of the sources, by their index.
func filenames(a Answer) map[int]string {
	names := map[int]string{}
	for _, s := range a.Groundwork.Sources {
		names[s.Index] = s.Filename
	}
	return names
}

func finish(a Answer) string {
	if a.FinishReason == "" {
		return "stop"
	}
	return a.FinishReason
}
