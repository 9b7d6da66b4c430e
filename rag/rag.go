// Package rag is the domain of Groundwork and the way of a question: what to
// search for, search, fuse, select, judge, prompt, generate, cite.
//
// It imports the standard library only. Everything that talks to a disk, a
// model or a network is an interface declared here, next to its caller, and
// implemented by an adapter elsewhere.
//
// Offsets: every Start and End in this package counts Unicode code points,
// end exclusive. Offsets of a document count in its extracted text.
package rag

import "context"

// Scope names what a search may see: one store of one tenant, or some documents
// of it. An adapter applies it inside its query, never to the result.
type Scope struct {
	Tenant string
	Store  string // vs_… id, never the name
	Only   *Only  // nil: every document
}

// Whole is the scope with every document of the store; whole scopes are equal
// when they name the same store.
func (s Scope) Whole() Scope {
	s.Only = nil
	return s
}

// Passage is one chunk of a document as it was stored.
// Invariant: Text equals the document's extracted text from Start to End.
type Passage struct {
	ChunkID    string // UUIDv5(store, document, version, sequence)
	DocumentID string // file-…
	Version    int    // of the document
	Filename   string // the document's relative path in its store
	Seq        int    // position among the chunks of its document, from 0
	Start, End int    // code points in the document's text
	Page       int    // from 1; 0 when the format has no pages
	Heading    []string
	Header     string // title, heading path, table header row: helps search and prompt, is never cited
	Text       string
	Attributes Attributes // of the document, when the passage was read
	Allow      []string   // groups that might read it then

	found *findings // about Text; nil unless the passage is kept in memory
}

// Hit is one result of one leg of a search. Higher scores are better; scores
// of different legs cannot be compared.
type Hit struct {
	ChunkID string
	Score   float64
}

// Embedder turns text into vectors of unit length.
type Embedder interface {
	EmbedQuery(ctx context.Context, text string) ([]float32, error)
	// EmbedSentences embeds parts of passages as passages are embedded, one vector a text, while a question waits.
	EmbedSentences(ctx context.Context, texts []string) ([][]float32, error)
}

// Searcher is the index. Dense and Text return at most k hits, best first, ties
// broken by ChunkID; chunks that are not published never appear. An empty
// store gives an empty result and no error, and so does a scope without documents:
// the k hits are the best of those in scope.
type Searcher interface {
	// Dense ranks by cosine similarity (vector must be unit length).
	Dense(ctx context.Context, scope Scope, vector []float32, k int) ([]Hit, error)
	// Text ranks by BM25 over the terms that Analyze made; statistics are those of
	// the whole store, whatever of it is in scope.
	Text(ctx context.Context, scope Scope, terms []string, k int) ([]Hit, error)
	// IDF gives the inverse document frequency of each term in the store, as its
	// BM25 uses it: ln((N-n+0.5)/(n+0.5)), at least 1e-6; one value a term, in order.
	IDF(ctx context.Context, scope Scope, terms []string) ([]float64, error)
}

// Passages loads chunks by id. Unknown ids, and those that the scope's store does
// not hold or its groups may not read, are left out; the order is that of ids.
type Passages interface {
	Passages(ctx context.Context, scope Scope, chunkIDs []string) ([]Passage, error)
}

// Vocabulary knows which attributes documents have.
type Vocabulary interface {
	// Unknown gives those of keys that no document in scope has (its filter does not
	// count), and when there are any, the first MaxKnown that documents do have.
	Unknown(ctx context.Context, scope Scope, keys []string) (unknown, known []string, err error)
}

// Analyze turns text into index terms. The same function serves both indexes
// and the checks (rag/analyze).
type Analyze func(text string) []string

// Message is one turn of a conversation.
type Message struct {
	Role    string // system, developer, user, assistant
	Content string
}

// Sampling is what a caller may ask of the generation. Zero values mean "the
// server's default"; pointers mark the fields for which zero is a wish.
type Sampling struct {
	MaxTokens   int
	Temperature *float64
	TopP        *float64
	Seed        *int
	Stop        []string
}

// Prompt is what goes to the chat model.
type Prompt struct {
	Messages []Message
	Sampling Sampling
	Adapter  string // fine-tuned variant of the chat model; empty: the model itself
	Caller   string // who asks (tenant and key): where requests wait, callers take turns; empty is one caller
	Prefix   string // names what the prompt starts with: those of one prefix go to the server that has it cached
	Isolated bool   // read anew, whatever the server has cached
	Taken    func() // nil, or called once when a model server has taken the prompt; an error before that cost nothing
}

// Usage is what the model server counted.
type Usage struct {
	PromptTokens     int
	CachedTokens     int
	CompletionTokens int
	FinishReason     string // stop or length
	Cut              bool   // the server read less of the prompt than was sent: its window is smaller than it says
}

// Generator is the chat model.
type Generator interface {
	// Generate streams the reply through emit. An error from emit stops the
	// generation, on the model server too, and is returned. A reply that did
	// not end properly is an error, never a short answer.
	Generate(ctx context.Context, p Prompt, emit func(delta string) error) (Usage, error)
	// CountTokens counts with the model's own tokenizer, one count a text.
	CountTokens(ctx context.Context, texts []string) ([]int, error)
	// Limits tells what was measured at start.
	Limits() Limits
}

// Limits are the measured properties of a chat model and its server.
type Limits struct {
	Model         string  // the name callers use
	Quantisation  string  // such as Q4_K_M; empty when unknown
	ContextTokens int     // the server's real window, prompt and reply together
	PrefillPerSec float64 // prompt tokens a second
	DecodePerSec  float64 // reply tokens a second
	ContextBudget int     // prompt tokens that keep the first token within its target
}
