package openai

// Chunk is a chat.completion.chunk object. Groundwork is Sources on the first
// chunk of a stream, the whole extension object on the last, absent between.
type Chunk struct {
	ID                string        `json:"id"`
	Object            string        `json:"object"`
	Created           int64         `json:"created"`
	Model             string        `json:"model"`
	Choices           []ChunkChoice `json:"choices"`
	Usage             *Usage        `json:"usage,omitempty"`
	SystemFingerprint string        `json:"system_fingerprint,omitempty"`
	Groundwork        any           `json:"groundwork,omitempty"`
}

// ChunkChoice is the only choice of a chunk; the usage chunk has none.
type ChunkChoice struct {
	Index        int     `json:"index"`
	Delta        Delta   `json:"delta"`
	Logprobs     *string `json:"logprobs"`
	FinishReason *string `json:"finish_reason"`
}

// Delta is what a chunk adds to the message.
type Delta struct {
	Role        string       `json:"role,omitempty"`
	Content     *string      `json:"content,omitempty"`
	Annotations []Annotation `json:"annotations,omitzero"` // on the last chunk, empty when nothing is cited
}

func chunk(h Head, choices ...ChunkChoice) Chunk {
	return Chunk{ID: h.ID, Object: "chat.completion.chunk", Created: h.Created, Model: h.Model, Choices: notNil(choices)}
}

// FirstChunk opens a stream: the role, and the passages the model is given.
func FirstChunk(h Head, sources []Source) Chunk {
	c := chunk(h, ChunkChoice{Delta: Delta{Role: "assistant", Content: new("")}})
	c.Groundwork = Sources{AnswerID: h.ID, Sources: notNil(sources)}
	return c
}

// TextChunk carries one piece of the answer.
func TextChunk(h Head, text string) Chunk {
	return chunk(h, ChunkChoice{Delta: Delta{Content: &text}})
}

// LastChunk closes the answer: why it ended, its citations, the whole extension object.
func LastChunk(h Head, a Answer) Chunk {
	c := chunk(h, ChunkChoice{Delta: Delta{Annotations: annotations(a)}, FinishReason: new(finish(a))})
	c.SystemFingerprint = a.Groundwork.Fingerprint.String()
	c.Groundwork = a.Groundwork.whole()
	return c
}

// UsageChunk follows the last chunk when stream_options.include_usage is set.
func UsageChunk(h Head, u Usage) Chunk {
	c := chunk(h)
	c.Usage = &u
	return c
}
