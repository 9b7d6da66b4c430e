package rag

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Pipeline answers questions over a store. All exported fields but Reranker are required; it is safe for concurrent use.
type Pipeline struct {
	Embedder   Embedder
	Searcher   Searcher
	Passages   Passages
	Vocabulary Vocabulary
	Reranker   Reranker // nil: the fused order stays
	Generator  Generator
	Analyze    Analyze
	Options    Options
	About      About

	orders orders
}

// Options tune the pipeline; configs/groundwork.yaml explains them.
type Options struct {
	Candidates  int     // hits of each leg before fusion
	DenseWeight float64 // 0 to 1
	Rerank      int     // best passages that the reranker looks at
	K           int     // passages at most in an answer
	Abstain     Abstain
	MaxTokens   int // of a reply when the question names none
	Temperature float64
	Unsupported Unsupporteds
	LinkHosts   []string // links in answers may go there, *.example.com to all below it
}

// Unsupporteds says what happens to sentences that no passage supports.
type Unsupporteds string

// What may happen to them.
const (
	FlagUnsupported Unsupporteds = "flag" // they are in the answer and named
	DropUnsupported Unsupporteds = "drop" // they are left out; each sentence waits until it is whole
)

// About is what goes into an answer's fingerprint.
type About struct {
	Embedding  string
	Reranker   string                   // empty: none
	Generation func() int               // of the index
	Adapter    func(name string) string // an adapter's name with its version; nil: the name
	Code       string
}

// Ask answers q. It streams through emit: first one Delta with the sources,
// then text. On an error what was emitted is void.
func (p *Pipeline) Ask(ctx context.Context, q Question, emit func(Delta) error) (Answer, error) {
	watch := newStopwatch()
	a := Answer{ID: q.ID, Query: selfContained(q.Messages, p.Analyze)}
	if a.Query == "" {
		return a, &Error{Code: CodeInvalid, Param: "messages", Message: "there is no question: the last message must come from the user and hold text"}
	}
	found, err := p.retrieve(ctx, q.Scope, a.Query, watch)
	if err != nil {
		return a, err
	}
	kept, dropped := p.wanted(q, found)
	a.Context.Dropped = drops(dropped)
	abstain := cmp.Or(q.Abstain, p.Options.Abstain)
	if a.Evidence, err = p.weigh(ctx, q, abstain, a.Query, kept); err != nil {
		return a, err
	}
	if len(kept) == 0 || a.Evidence.weak() {
		watch.lap("select")
		return p.abstain(a, q.Adapter, kept, watch, emit)
	}
	kept = p.reranked(ctx, q, found, kept, &a, watch)
	arrange := p.orders.arrange
	if q.Isolated {
		arrange = func(sources []Source) []Source { return sources }
	}
	if err := p.choose(ctx, q, kept, &a, arrange); err != nil {
		return a, err
	}
	watch.lap("select")
	request := p.request(q, a.Sources)
	a.Sent = &Sent{request.Messages, request.Sampling, request.Adapter}
	watch.lap("prompt")
	if err := p.generate(ctx, request, &a, watch, emit); err != nil {
		return a, err
	}
	watch.lap("generate")
	p.cite(&a)
	watch.lap("cite")
	return p.finish(a, q.Adapter, watch), nil
}

// Search is the retrieval half of Ask: at most k passages, best first, then
// those that were found and dropped, with why.
func (p *Pipeline) Search(ctx context.Context, scope Scope, query string, k int) ([]Ranked, error) {
	watch := newStopwatch()
	found, err := p.retrieve(ctx, scope, query, watch)
	if err != nil {
		return nil, err
	}
	found, _ = p.rerank(ctx, query, found, watch)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kept, dropped := distinct(found, k, p.Analyze)
	return append(kept, dropped...), nil
}

// retrieve embeds the query, asks both legs side by side and fuses them.
func (p *Pipeline) retrieve(ctx context.Context, scope Scope, query string, watch *stopwatch) (ranking, error) {
	var l legs
	var vector []float32
	err := together(
		func() (err error) {
			vector, err = p.Embedder.EmbedQuery(ctx, query)
			watch.lap("embed")
			if err == nil {
				l.dense, err = p.Searcher.Dense(ctx, scope, vector, p.Options.Candidates)
			}
			return err
		},
		func() error {
			if err := p.checkFilter(ctx, scope); err != nil {
				return err
			}
			l.terms = unique(p.Analyze(query))
			return p.byText(ctx, scope, &l)
		})
	if err != nil {
		return ranking{}, err
	}
	passages, err := p.load(ctx, scope, vector, &l)
	if err != nil {
		return ranking{}, err
	}
	watch.lap("search")
	ranked := fuse(l, passages, p.Options.DenseWeight, p.Analyze)
	watch.lap("fuse")
	return ranked, nil
}

// wanted are the passages that the question may use: distinct ones, as many and as good as it asks for.
func (p *Pipeline) wanted(q Question, found ranking) (kept, dropped []Ranked) {
	k := p.Options.K
	if q.Passages > 0 {
		k = min(k, q.Passages)
	}
	best, dropped := distinct(found, k, p.Analyze)
	for _, r := range best {
		if r.Score < q.MinScore {
			r.Dropped = "weak"
			dropped = append(dropped, r)
			continue
		}
		kept = append(kept, r)
	}
	return kept, dropped
}

// reranked are the passages that the question may use once the reranker has looked. Whether to answer was
// decided before, by the fused order: the thresholds were made for it, and a question that is not answered costs no reranking.
func (p *Pipeline) reranked(ctx context.Context, q Question, found ranking, kept []Ranked, a *Answer, watch *stopwatch) []Ranked {
	found, did := p.rerank(ctx, a.Query, found, watch)
	if a.Context.Reranking = did; did == nil || did.Passages == 0 {
		return kept
	}
	better, dropped := p.wanted(q, found)
	if len(better) == 0 {
		return kept
	}
	a.Context.Dropped = drops(dropped)
	return better
}

// MaxKnown is how many attributes an error names.
const MaxKnown = 50

// checkFilter refuses a filter on an attribute that no document has: it would
// find nothing, or everything, and nobody would see why.
func (p *Pipeline) checkFilter(ctx context.Context, scope Scope) error {
	if scope.Only == nil || scope.Only.Filter == nil {
		return nil
	}
	keys := slices.DeleteFunc(scope.Only.Filter.Keys(), func(key string) bool { return slices.Contains(BuiltIn(), key) })
	if len(keys) == 0 {
		return nil
	}
	unknown, known, err := p.Vocabulary.Unknown(ctx, scope, keys)
	if err != nil || len(unknown) == 0 {
		return err
	}
	return &Error{Code: CodeInvalid, Param: "filters", Message: fmt.Sprintf("No document of this store has the attribute %q. There is %s; correct the filter.",
		unknown[0], strings.Join(append(known, BuiltIn()...), ", "))}
}

// choose fits passages into the tokens that the first-token target allows, in the order that arrange gives them.
func (p *Pipeline) choose(ctx context.Context, q Question, kept []Ranked, a *Answer, arrange func([]Source) []Source) error {
	limits := p.Generator.Limits()
	limits.ContextBudget = cmp.Or(q.Budget, limits.ContextBudget)
	empty := prompt(nil, q.Messages)
	fixed, asked := framing(empty[:1]), framing(empty[1:])
	if sources, ok := fitsUncounted(kept, asked, min(limits.ContextBudget, limits.ContextTokens-p.maxTokens(q)-atMost(fixed))); ok {
		a.Context.Limit, a.Context.Budget, a.Sources = limits.ContextTokens, limits.ContextBudget, arrange(sources)
		return nil
	}
	frame, err := p.Generator.CountTokens(ctx, []string{fixed, asked})
	if err != nil {
		return err
	}
	// The first message is the same for every question: the model server has read it already.
	a.Context.Limit, a.Context.Budget = limits.ContextTokens, limits.ContextBudget+frame[0]
	room := limits.ContextTokens - p.maxTokens(q) - frame[0] - frame[1]
	budget := min(limits.ContextBudget-frame[1], room)
	if room < minPassage {
		return &Error{Code: CodeTooLong, Param: "messages", Message: "the question and the conversation leave no room for passages in the model's window; shorten them or ask for fewer max_tokens"}
	}
	sources, dropped, err := p.fit(ctx, a.Query, kept, max(budget, minPassage))
	a.Sources = arrange(sources)
	a.Context.Dropped = append(a.Context.Dropped, dropped...)
	return err
}

// minPassage is the least room for passages, in tokens, however slow the machine.
const minPassage = 160

func (p *Pipeline) maxTokens(q Question) int {
	if q.Sampling.MaxTokens > 0 {
		return q.Sampling.MaxTokens
	}
	return p.Options.MaxTokens
}

func (p *Pipeline) request(q Question, sources []Source) Prompt {
	s := q.Sampling
	s.MaxTokens = p.maxTokens(q)
	if s.Temperature == nil {
		s.Temperature = &p.Options.Temperature
	}
	out := Prompt{Messages: prompt(sources, q.Messages), Sampling: s, Adapter: q.Adapter, Caller: q.Caller, Isolated: q.Isolated}
	if len(sources) > 0 { // prompts with the same first passage start alike
		out.Prefix = sources[0].Passage.ChunkID
	}
	return out
}

// generate emits the sources once a model server has taken the prompt, then the text.
func (p *Pipeline) generate(ctx context.Context, request Prompt, a *Answer, watch *stopwatch, emit func(Delta) error) error {
	var text strings.Builder
	var marks markFilter
	safe := neutral{hosts: p.Options.LinkHosts}
	begin := sync.OnceValue(func() error { return emit(Delta{Query: a.Query, Sources: a.Sources, Timings: watch.laps()}) })
	request.Taken = func() { _ = begin() } // who does not listen any more says so again below
	var kept sieve
	if p.Options.Unsupported == DropUnsupported {
		kept.m = newMatcher(a.Query, a.Sources, p.Analyze)
	}
	send := func(s string) error {
		if err := begin(); err != nil {
			return err
		}
		if text.Len() == 0 {
			s = strings.TrimLeft(s, " \n")
		}
		if s == "" {
			return nil
		}
		if text.Len() == 0 {
			watch.lap("first_token")
		}
		text.WriteString(s)
		return emit(Delta{Text: s})
	}
	usage, err := p.Generator.Generate(ctx, request, func(delta string) error { return send(safe.write(kept.write(marks.write(delta)))) })
	if err == nil {
		err = send(safe.write(kept.write(marks.close())+kept.close()) + safe.close())
	}
	if err == nil && kept.dropped > 0 && strings.TrimSpace(text.String()) == "" {
		err = send(Abstention)
	}
	a.DroppedSentences = kept.dropped
	a.Text, a.Usage = text.String(), usage
	a.Context.PromptTokens, a.Context.Cut = usage.PromptTokens, usage.Cut
	return err
}

// cite ties the answer to its sources. An answer that only says that it has none is an abstention.
func (p *Pipeline) cite(a *Answer) {
	if declines(a.Text) || strings.TrimSpace(a.Text) == "" || a.Text == Abstention {
		a.Abstained, a.Nearest = true, a.Sources
		return
	}
	a.Citations, a.Unsupported = cite(a.Text, a.Query, a.Sources, p.Analyze)
}

func (p *Pipeline) abstain(a Answer, adapter string, kept []Ranked, watch *stopwatch, emit func(Delta) error) (Answer, error) {
	a.Abstained, a.Text = true, Abstention
	a.Usage.FinishReason = "stop"
	limits := p.Generator.Limits()
	a.Context.Limit, a.Context.Budget = limits.ContextTokens, limits.ContextBudget
	for i, r := range kept {
		a.Nearest = append(a.Nearest, Source{Index: i + 1, Passage: r.Passage, Score: r.Score})
		a.Context.Dropped = append(a.Context.Dropped, Dropped{ChunkID: r.Passage.ChunkID, Reason: "weak"})
	}
	if err := emit(Delta{Query: a.Query, Nearest: a.Nearest, Timings: watch.laps()}); err != nil {
		return a, err
	}
	return p.finish(a, adapter, watch), emit(Delta{Text: a.Text})
}

func (p *Pipeline) finish(a Answer, adapter string, watch *stopwatch) Answer {
	limits := p.Generator.Limits()
	a.Timings = watch.laps()
	a.Fingerprint = Fingerprint{
		Model: limits.Model, Adapter: p.adapterTag(adapter), Quantisation: limits.Quantisation, Embedding: p.About.Embedding, Reranker: p.About.Reranker,
		IndexGeneration: p.About.Generation(), Prompt: PromptVersion, Code: p.About.Code,
	}
	return a
}

// adapterTag names an adapter with its version where that is known.
func (p *Pipeline) adapterTag(name string) string {
	if p.About.Adapter == nil || name == "" {
		return name
	}
	return p.About.Adapter(name)
}

func drops(ranked []Ranked) []Dropped {
	var out []Dropped
	for _, r := range ranked {
		out = append(out, Dropped{ChunkID: r.Passage.ChunkID, Reason: r.Dropped})
	}
	return out
}

func framing(messages []Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.Role + "\n" + m.Content + "\n")
	}
	return b.String()
}

func ids(lists ...[]Hit) []string {
	n := 0
	for _, hits := range lists {
		n += len(hits)
	}
	out := make([]string, 0, n)
	for _, hits := range lists {
		for _, h := range hits {
			out = append(out, h.ChunkID)
		}
	}
	return unique(out)
}

// unique keeps the first of each, in order. It changes items.
func unique(items []string) []string {
	seen := make(map[string]bool, len(items))
	return slices.DeleteFunc(items, func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}

// together runs both and returns the first error.
func together(a, b func() error) error {
	done := make(chan error, 1)
	go func() { done <- b() }()
	errA, errB := a(), <-done
	if errA != nil {
		return errA
	}
	return errB
}

// stopwatch takes the time of each stage. Laps of parallel stages are not taken; it is used by one goroutine.
type stopwatch struct {
	last    time.Time
	timings []Timing
}

func newStopwatch() *stopwatch { return &stopwatch{last: time.Now()} }

func (w *stopwatch) lap(stage string) {
	now := time.Now()
	w.timings = append(w.timings, Timing{Stage: stage, Ms: float64(now.Sub(w.last).Microseconds()) / 1000})
	w.last = now
}

func (w *stopwatch) laps() []Timing { return w.timings }
