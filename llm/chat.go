package llm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"

	"groundwork/rag"
)

// Timeouts bound the wait for a model server. Zero fields take the default.
type Timeouts struct {
	FirstToken time.Duration // default 30 s; longer for prompts that this server measurably needs longer for
	Idle       time.Duration // between two tokens; default 30 s
	Total      time.Duration // the whole reply; default 10 min
}

// ChatOptions says where the chat model is and what is expected of it.
type ChatOptions struct {
	BaseURLs         []string      // http://host:port/v1; several servers of one model share the load
	APIKey           string        // empty: none is sent
	Model            string        // its name at the server
	Name             string        // its name for callers; empty: Model
	Adapters         []Adapter     // fine-tuned variants that the servers have beside the model
	Quantisation     string        // such as Q4_K_M; empty: what the server says
	NoSystemRole     bool          // the model's template refuses it, as Gemma's does: instructions stand in front of the user's words
	ContextTokens    int           // window when the server does not tell; default 8192
	MaxTokens        int           // of a reply when the caller names none; also kept free in the window; default 320
	Temperature      float64       // when the caller names none
	FirstTokenTarget time.Duration // the context budget keeps the first token within it; default 8 s
	MinBudget        int           // prompt tokens below which no passage fits; the budget never falls below; default 320
	MeasuredCache    string        // JSON file that keeps measured speeds; empty: measure at each start
	Machine          string        // where the model server runs; empty: this machine
	Threads          int           // of the model server; 0: one per core
	Timeouts         Timeouts
	Pool             PoolOptions
	Log              *slog.Logger     // default: discard
	Propagate        Propagate        // nil: nothing
	Now              func() time.Time // default: time.Now; for the age of measurements
}

func (o ChatOptions) withDefaults() ChatOptions {
	number := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	duration := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&o.ContextTokens, 8192)
	number(&o.MaxTokens, 320)
	number(&o.MinBudget, 320)
	duration(&o.FirstTokenTarget, 8*time.Second)
	duration(&o.Timeouts.FirstToken, 30*time.Second)
	duration(&o.Timeouts.Idle, 30*time.Second)
	duration(&o.Timeouts.Total, 10*time.Minute)
	if o.Name == "" {
		o.Name = o.Model
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Chat is a chat model behind a server. It is safe for concurrent use.
type Chat struct {
	opts   ChatOptions
	pool   *pool
	limits atomic.Pointer[rag.Limits]
	active atomic.Int64

	mu     sync.Mutex
	speeds map[string]speed   // measured, by fingerprint
	recent map[string][]speed // of the last real prompts, by fingerprint

	publishing sync.Mutex // so that the newest figures stay

	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup
}

// NewChat makes a Chat and talks to nobody yet. Until Probe has run, Limits
// tells what the options say. Close it after use.
func NewChat(opts ChatOptions) (*Chat, error) {
	opts = opts.withDefaults()
	if opts.Model == "" {
		return nil, errors.New("llm.chat.model must name the model")
	}
	p, err := newPool(kindChat, opts.BaseURLs, opts.APIKey, opts.Timeouts.FirstToken, opts.Pool)
	if err != nil {
		return nil, err
	}
	for _, s := range p.servers {
		s.propagate = opts.Propagate
		s.tokens = newTokenizer(s.client, opts.Model, shapeLlama, shapeVLLM)
	}
	c := &Chat{opts: opts, pool: p, speeds: map[string]speed{}, recent: map[string][]speed{}}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	p.check = c.examine
	c.publish()
	return c, nil
}

// Close gives up what is running, waits for background work and closes connections.
func (c *Chat) Close() {
	c.cancel(errClosed)
	c.work.Wait()
	c.pool.close()
}

// Name is the model's name for callers.
func (c *Chat) Name() string { return c.opts.Name }

// Limits implements rag.Generator.
func (c *Chat) Limits() rag.Limits { return *c.limits.Load() }

// CountTokens implements rag.Generator: with the server's own tokenizer where
// it has one, else a careful estimate (Health says which).
func (c *Chat) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	return c.pool.count(ctx, texts)
}

// Generate implements rag.Generator.
func (c *Chat) Generate(ctx context.Context, p rag.Prompt, emit func(delta string) error) (rag.Usage, error) {
	c.active.Add(1)
	defer c.active.Add(-1)
	adapter, err := c.adapter(p.Adapter)
	if err != nil {
		return rag.Usage{}, err
	}
	d := demand{caller: p.Caller, prefix: p.Prefix, taken: p.Taken}
	if d.prefix == "" {
		d.prefix = opening(p.Messages)
	}
	d.prefix = p.Adapter + d.prefix // caches do not cross adapters
	fields := c.adapterFields(adapter)
	if p.Isolated && !slices.ContainsFunc(c.pool.servers, func(s *server) bool { return c.pool.factsOf(s).kind != serverLlama }) {
		fields = maps.Clone(fields)
		if fields == nil {
			fields = map[string]any{}
		}
		fields["cache_prompt"] = false
	}
	done, err := c.generate(ctx, request{prompt: p, fields: fields, send: c.pool.sender(d)}, emit)
	if err == nil {
		c.learn(done)
		if done.usage.Cut = c.wasCut(ctx, done, p); done.usage.Cut {
			c.narrow(done)
		}
	}
	return done.usage, err
}

// opening is what a conversation starts with: its later turns start alike.
func opening(messages []rag.Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.Role + "\n" + m.Content + "\n")
		if m.Role == "user" {
			break
		}
	}
	return b.String()
}

// request is one generation: its fields are added to the body.
type request struct {
	prompt rag.Prompt
	fields map[string]any
	send   sender
}

// generate runs one reply.
func (c *Chat) generate(ctx context.Context, r request, emit func(string) error) (outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopClosing := context.AfterFunc(c.ctx, func() { cancel(errClosed) }) //nolint:contextcheck // the client's own life, beside the caller's
	defer stopClosing()
	total := time.AfterFunc(c.opts.Timeouts.Total, func() { cancel(errTotal) })
	defer total.Stop()

	x := &exchange{
		words:    c.pool.speaker,
		send:     r.send,
		fields:   c.fields(r.prompt.Sampling, r.fields),
		patience: newPatience(cancel, c.firstToken(r.prompt), c.opts.Timeouts.Idle),
	}
	model, err := c.langchain(x)
	if err != nil {
		return outcome{}, fmt.Errorf("set up the chat client: %w", err)
	}
	var emitErr error
	resp, err := model.GenerateContent(ctx, messages(r.prompt.Messages, c.opts.NoSystemRole), llms.WithStreamingFunc(func(_ context.Context, chunk []byte) error {
		if len(chunk) == 0 {
			return nil
		}
		emitErr = emit(string(chunk))
		return emitErr
	}))
	if emitErr != nil {
		return outcome{}, emitErr
	}
	// Before err: langchaingo hides the cause of transport errors, and a
	// cancelled stream comes back from it as a short answer without an error.
	done, broken := x.outcome(ctx)
	if broken != nil {
		return outcome{}, broken
	}
	if err != nil {
		return outcome{}, c.pool.nonsense(err)
	}
	done.usage.PromptTokens = count(resp, "PromptTokens")
	done.usage.CachedTokens = count(resp, "PromptCachedTokens")
	done.usage.CompletionTokens = count(resp, "CompletionTokens")
	return done, nil
}

// anyServer is where langchaingo believes the model is; the pool puts the
// address of one of the servers in its place.
const anyServer = "http://any.invalid/v1"

// langchain makes a model whose requests go through x. Every option is set, so
// that no OPENAI_ variable of the environment has a say.
func (c *Chat) langchain(x *exchange) (*openai.LLM, error) {
	return openai.New(
		openai.WithToken("none"), // must not be empty; client.send sets the real one
		openai.WithModel(c.opts.Model),
		openai.WithBaseURL(anyServer),
		openai.WithOrganization(""),
		openai.WithHTTPClient(x),
	)
}

// fields are what langchaingo leaves out or fills with its own defaults.
func (c *Chat) fields(s rag.Sampling, extra map[string]any) map[string]any {
	f := map[string]any{"temperature": c.opts.Temperature, "max_tokens": c.opts.MaxTokens}
	if s.MaxTokens > 0 {
		f["max_tokens"] = s.MaxTokens
	}
	if s.Temperature != nil {
		f["temperature"] = *s.Temperature
	}
	if s.TopP != nil {
		f["top_p"] = *s.TopP
	}
	if s.Seed != nil {
		f["seed"] = *s.Seed
	}
	if len(s.Stop) > 0 {
		f["stop"] = s.Stop
	}
	maps.Copy(f, c.adapterFields(Adapter{})) // unless extra chooses one
	maps.Copy(f, extra)
	return f
}

// firstToken is how long the first token may take: a server that is known to
// be slow gets three times what the prompt should cost it.
func (c *Chat) firstToken(p rag.Prompt) time.Duration {
	n := 0
	for _, m := range p.Messages {
		n += estimate(m.Content)
	}
	limit := c.opts.Timeouts.FirstToken
	if rate := c.Limits().PrefillPerSec; rate > 0 {
		limit = max(limit, time.Duration(3*float64(n)/rate*float64(time.Second)))
	}
	return limit
}

func count(resp *llms.ContentResponse, name string) int {
	n, _ := resp.Choices[0].GenerationInfo[name].(int) // absent: 0
	return n
}
