package rag

// Question is one request to the pipeline.
type Question struct {
	ID       string // ans_…; chosen by the caller so that logs and the answer agree
	Scope    Scope
	Adapter  string    // fine-tuned variant of the chat model; empty: the model itself
	Caller   string    // who asks (tenant and key): where questions wait for the model, callers take turns
	Messages []Message // the last one is the user's question
	Sampling Sampling
	Passages int     // at most; 0 or more than the server gives: as many as the server gives
	MinScore float64 // passages of a lower score are not used
	Abstain  Abstain // instead of the configured operating point; empty: that
	Budget   int     // prompt tokens for passages instead of what the measured speed allows; 0: that
	Isolated bool    // nothing of earlier questions has a part in it: passages best first, no prompt cache

	Calibration *Calibration // of the store; nil: the defaults
}

// Delta is one piece of a streamed answer. The first carries what was found, the
// timings so far and no text; every later one carries text.
type Delta struct {
	Query   string // what was searched for
	Sources []Source
	Nearest []Source // of an abstention
	Timings []Timing
	Text    string
}

// Source is a passage that was given to the model, as [Index] in its prompt.
type Source struct {
	Index   int // from 1
	Passage Passage
	Score   float64 // fused, 0 to 1
}

// Verdict says whether a cited span supports the sentence it is tied to.
type Verdict string

// The verdicts.
const (
	Supported   Verdict = "supported"
	Partly      Verdict = "partly"
	Unsupported Verdict = "unsupported"
)

// Citation ties a part of the answer to the span of a document that supports it.
// Invariant: Quote equals the document's text from Start to End and lies
// inside the passage Source that the model was given.
type Citation struct {
	Source                 int // Source.Index
	AnswerStart, AnswerEnd int // code points in Answer.Text
	DocumentID             string
	Start, End             int // code points in the document's text
	Page                   int
	Heading                []string
	Quote                  string
	Verdict                Verdict
}

// Dropped is a passage that was found and not used.
type Dropped struct {
	ChunkID string
	Reason  string // budget, duplicate, weak
}

// ContextUse says what the model's window was used for.
type ContextUse struct {
	Limit        int // tokens the model server accepts
	Budget       int // prompt tokens that the first-token target allows
	PromptTokens int
	Cut          bool // the model server read fewer tokens than were sent, so the answer may miss what a passage says
	Dropped      []Dropped
	Reranking    *Reranking // nil: nothing was to be reranked
}

// Timing is how long one stage took.
type Timing struct {
	Stage string // embed, search, fuse, judge and rerank (with a reranker), select, prompt, first_token, generate, cite
	Ms    float64
}

// Fingerprint is everything that made an answer.
type Fingerprint struct {
	Model           string
	Adapter         string
	Quantisation    string
	Embedding       string
	Reranker        string // configured, whether or not it did its work: ContextUse says; empty: none
	IndexGeneration int
	Prompt          string // version of the prompt template
	Code            string // version of the binary
}

// Answer is what came out.
type Answer struct {
	ID          string
	Text        string
	Abstained   bool
	Query       string   // what was searched for
	Evidence    Evidence // by which it was answered or not
	Nearest     []Source // of an abstention: the nearest passages, which the model was not given
	Sources     []Source
	Citations   []Citation
	Unsupported [][2]int // sentences of Text no passage supports: start, end in code points

	Sent *Sent `json:"-"` // to the model; nil when none was asked

	DroppedSentences int // sentences that no passage supports and that were left out of Text
	Context          ContextUse
	Timings          []Timing
	Fingerprint      Fingerprint
	Usage            Usage
}

// Ranked is one passage of a search, with why it stands where it stands.
type Ranked struct {
	Passage    Passage
	Score      float64 // fused, 0 to 1
	DenseRank  int     // from 1; 0 when the leg did not find it
	Dense      float64 // cosine
	TextRank   int
	Text       float64 // BM25
	Rerank     float64 // the reranker's score, of any range
	RerankRank int     // from 1; 0 when it was not reranked
	Dropped    string  // empty, or duplicate, budget, weak
}
