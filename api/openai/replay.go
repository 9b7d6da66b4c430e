package openai

// Replay is a kept answer that was made again.
type Replay struct {
	Object      string       `json:"object"` // answer.replay
	AnswerID    string       `json:"answer_id"`
	Same        bool         `json:"same"` // text, citations and verdicts are the same, bit by bit
	Then        string       `json:"then"`
	Now         string       `json:"now"`
	Differences []Difference `json:"differences"`
}

// Difference is one thing that is not as it was.
type Difference struct {
	What string `json:"what"`
	Then string `json:"then"`
	Now  string `json:"now"`
}
