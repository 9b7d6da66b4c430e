package llm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"groundwork/rag"
)

const (
	measuredFor   = 24 * time.Hour // a measurement is repeated in the background after this
	probeReply    = 16             // tokens
	probeAgain    = 5 * time.Second
	assumedRate   = 60.0 // prompt tokens a second while nothing is measured: a small model on two cores
	budgetMargin  = 0.9  // of the time that the target leaves
	fixedOverhead = 200 * time.Millisecond
	learnFrom     = 100 // prompt tokens; shorter prompts say little
	learnAbove    = 1.1 // times the known speed, or less than it divided by this
	learnLast     = 9   // real prompts that count
	learnAfter    = 3
)

// probeText is about 180 tokens of plain prose, so that prefill is measured on
// what prompts are made of.
const probeText = `The storeroom of the harbour office is open on weekdays from seven in the morning until four in the afternoon.
Whoever takes out a tool writes the date, the name of the tool and the number of the work order into the green book next to the door.
Tools that come back damaged go into the red box and are reported to the foreman on the same day; a replacement is ordered only after the
foreman has looked at them. Rain coats and boots may be kept for a whole season, but have to be returned clean before the inventory in
November. Keys are never lent to visitors. If a key is lost, the lock is changed within two days and the costs are shared by the crew that
had the key. Batteries are charged over night on the left side of the workbench, never on the right side, because the sockets there are
switched off together with the light. Count from one to forty in words, and write nothing else.`

// Probe asks each server what it is, and measures how fast one of each kind
// reads and writes, or takes the speeds from the cache; Limits tells the
// result: the smallest window and the slowest speed count. A server that does
// not answer is no error while another does; it joins when it comes up. A
// cached measurement older than a day is repeated in the background.
func (c *Chat) Probe(ctx context.Context) (rag.Limits, error) {
	if err := c.pool.meet(ctx, c.introduce); err != nil {
		return c.Limits(), err
	}
	if err := c.disagreement(); err != nil {
		return c.Limits(), err
	}
	c.publish()
	var failed error
	measured := false
	for _, s := range c.pool.known() {
		err := c.clock(ctx, s)
		if err == nil {
			measured = true
			continue
		}
		failed = cmp.Or(failed, err)
		if ctx.Err() == nil && sick(err) {
			c.pool.lose(s, err)
		}
	}
	if measured {
		return c.Limits(), nil
	}
	return c.Limits(), failed
}

// examine is what a server that was out must pass before requests go there again.
func (c *Chat) examine(ctx context.Context, s *server) error {
	if err := c.introduce(ctx, s); err != nil {
		return err
	}
	if err := c.disagreement(); err != nil {
		c.pool.forget(s)
		return err
	}
	c.publish()
	if _, known := c.speed(s); !known {
		c.refresh(s)
	}
	return nil
}

// introduce asks a server what it is.
func (c *Chat) introduce(ctx context.Context, s *server) error {
	s.tokens.forget()
	if err := s.ready(ctx); err != nil {
		return err
	}
	f, err := c.ask(ctx, s)
	if err != nil {
		return err
	}
	c.pool.learn(s, f)
	return nil
}

// disagreement is an error when the servers do not serve the same weights, as
// far as they tell: answers would depend on which of them gave it.
func (c *Chat) disagreement() error {
	var first *server
	var seen facts
	for _, s := range c.pool.known() {
		f := c.pool.factsOf(s)
		if first != nil && (differ(seen.weights, f.weights) || differ(seen.quantisation, f.quantisation)) {
			return rag.Fail(rag.CodeUnavailable, fmt.Sprintf("The chat model servers do not serve the same model (%s: %s %s, %s: %s %s); start the same one on all of llm.chat.base_url.",
				first.address.Host, seen.quantisation, seen.weights, s.address.Host, f.quantisation, f.weights))
		}
		if first == nil {
			first, seen = s, f
		}
		seen.weights, seen.quantisation = cmp.Or(seen.weights, f.weights), cmp.Or(seen.quantisation, f.quantisation)
	}
	return nil
}

func differ(a, b string) bool { return a != "" && b != "" && a != b }

// clock makes the speed of a server's kind known: from the cache or by measuring.
func (c *Chat) clock(ctx context.Context, s *server) error {
	if _, known := c.speed(s); known {
		return nil
	}
	kept, ok := c.recall(c.fingerprint(c.pool.factsOf(s)))
	if !ok {
		return c.remeasure(ctx, s)
	}
	c.setSpeed(s, kept.speed)
	if age := c.opts.Now().Sub(kept.MeasuredAt); age > measuredFor || age < 0 {
		c.refresh(s)
	}
	return nil
}

// refresh measures in the background, unless somebody is waiting for an
// answer: that would make both slow.
func (c *Chat) refresh(s *server) {
	if c.active.Load() > 0 {
		return
	}
	c.pool.spawn(func(ctx context.Context) {
		if err := c.remeasure(ctx, s); err != nil && ctx.Err() == nil {
			c.opts.Log.Warn("the chat model's speed could not be measured; the older figures stay", "server", s.address.Host, "error", err)
		}
	})
}

func (c *Chat) remeasure(ctx context.Context, s *server) error {
	found, err := c.measure(ctx, s)
	if err != nil {
		return fmt.Errorf("measure the chat model: %w", err)
	}
	c.setSpeed(s, found)
	c.keep(c.pool.factsOf(s), found)
	return nil
}

// measure runs the probe, and on a server that is quick enough a second time,
// and takes the better figures: the rest is other work on the machine. The
// first run asks for log-probabilities too; a server that does not like that
// is measured without.
func (c *Chat) measure(ctx context.Context, s *server) (speed, error) {
	start := time.Now()
	best, err := c.measureOnce(ctx, s, true)
	if rag.CodeOf(err) == rag.CodeInvalid {
		best, err = c.measureOnce(ctx, s, false)
	}
	if err != nil || time.Since(start) > probeAgain {
		return best, err
	}
	second, err := c.measureOnce(ctx, s, false)
	if err != nil {
		return best, err
	}
	return speed{
		Prefill: max(best.Prefill, second.Prefill), Decode: max(best.Decode, second.Decode), Logprobs: best.Logprobs,
	}, nil
}

func (c *Chat) measureOnce(ctx context.Context, s *server, logprobs bool) (speed, error) {
	fields := map[string]any{}
	if c.pool.factsOf(s).kind == serverLlama {
		fields["cache_prompt"] = false
	}
	if logprobs {
		fields["logprobs"], fields["top_logprobs"] = true, 1
	}
	zero := 0.0
	start := time.Now()
	// The clock in front keeps other servers' prefix caches out of the figure.
	prompt := rag.Prompt{
		Messages: []rag.Message{{Role: "user", Content: strconv.FormatInt(start.UnixNano(), 36) + " " + probeText}},
		Sampling: rag.Sampling{MaxTokens: probeReply, Temperature: &zero},
	}
	var first time.Time
	done, err := c.generate(ctx, request{prompt: prompt, fields: fields, send: s.direct}, func(string) error {
		if first.IsZero() {
			first = time.Now()
		}
		return nil
	})
	if err != nil {
		return speed{}, err
	}
	found := clocked(done.usage, first.Sub(start), time.Since(first))
	if t := done.timings; t.PromptPerSec > 0 {
		found = speed{Prefill: t.PromptPerSec, Decode: t.PredictPerSec}
	}
	found.Logprobs = done.logprobs
	return found, nil
}

// clocked computes speeds from the times until the first token and from there to the end.
func clocked(u rag.Usage, read, write time.Duration) speed {
	s := speed{}
	if fresh := u.PromptTokens - u.CachedTokens; fresh > 0 && read > 0 {
		s.Prefill = float64(fresh) / read.Seconds()
	}
	if u.CompletionTokens > 1 && write > 0 {
		s.Decode = float64(u.CompletionTokens-1) / write.Seconds()
	}
	return s
}

// learn corrects the measurement by real prompts, so that the budget follows
// what the machine does: the median of the last ones counts once there are
// learnAfter, and before that one that was read clearly faster than the probe,
// which other work had then slowed down.
func (c *Chat) learn(done outcome) {
	t, s := done.timings, done.server
	if t.PromptN < learnFrom || t.PromptPerSec <= 0 {
		return
	}
	known, ok := c.speed(s)
	if !ok {
		return
	}
	middle, enough := c.lately(s, t)
	faster, slower := middle.Prefill > learnAbove*known.Prefill, middle.Prefill*learnAbove < known.Prefill
	if !faster && (!slower || !enough) {
		return
	}
	middle.Logprobs = known.Logprobs
	c.setSpeed(s, middle)
	c.keep(c.pool.factsOf(s), middle)
}

// lately adds to what is known of the last real prompts and gives their median,
// and whether they are enough to trust it.
func (c *Chat) lately(s *server, t timings) (speed, bool) {
	key := c.fingerprint(c.pool.factsOf(s))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent[key] = append(c.recent[key], speed{Prefill: t.PromptPerSec, Decode: t.PredictPerSec})
	last := c.recent[key][max(0, len(c.recent[key])-learnLast):]
	c.recent[key] = last
	return speed{
		Prefill: median(last, func(s speed) float64 { return s.Prefill }),
		Decode:  median(last, func(s speed) float64 { return s.Decode }),
	}, len(last) >= learnAfter
}

func median(speeds []speed, of func(speed) float64) float64 {
	values := make([]float64, len(speeds))
	for i, s := range speeds {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// speed is that of the server's kind, as far as it is known.
func (c *Chat) speed(s *server) (speed, bool) {
	key := c.fingerprint(c.pool.factsOf(s))
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.speeds[key]
	return found, ok
}

func (c *Chat) setSpeed(s *server, found speed) {
	key := c.fingerprint(c.pool.factsOf(s))
	c.mu.Lock()
	c.speeds[key] = found
	c.mu.Unlock()
	c.publish()
}

// keep writes a measurement to the cache. Failing that, the figures still
// serve; only the next start has to measure again.
func (c *Chat) keep(f facts, s speed) {
	if err := c.remember(f, measurement{speed: s, MeasuredAt: c.opts.Now()}); err != nil {
		c.opts.Log.Warn("the chat model's measured speed could not be kept", "error", err)
	}
}

// publish makes Limits tell what is known of all servers.
func (c *Chat) publish() {
	c.publishing.Lock()
	defer c.publishing.Unlock()
	l := rag.Limits{Model: c.opts.Name, Quantisation: c.opts.Quantisation}
	var slowest speed
	for _, s := range c.pool.known() {
		f := c.pool.factsOf(s)
		l.Quantisation = cmp.Or(l.Quantisation, f.quantisation)
		l.ContextTokens = lower(l.ContextTokens, f.window)
		if found, ok := c.speed(s); ok {
			slowest.Prefill, slowest.Decode = lower(slowest.Prefill, found.Prefill), lower(slowest.Decode, found.Decode)
		}
	}
	l.ContextTokens = cmp.Or(l.ContextTokens, c.opts.ContextTokens)
	l.PrefillPerSec, l.DecodePerSec = slowest.Prefill, slowest.Decode
	l.ContextBudget = c.budget(l.ContextTokens, slowest)
	c.limits.Store(&l)
}

// lower is the lower of two figures of which 0 is unknown.
func lower[T int | float64](a, b T) T {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// budget is the number of prompt tokens that are read within the target, but
// at least what one passage needs and at most what leaves room for the reply.
func (c *Chat) budget(window int, s speed) int {
	rate, left := s.Prefill, c.opts.FirstTokenTarget-fixedOverhead
	if rate <= 0 {
		rate = assumedRate
	}
	if s.Decode > 0 {
		left -= time.Duration(float64(time.Second) / s.Decode)
	}
	n := max(int(left.Seconds()*rate*budgetMargin), c.opts.MinBudget)
	return min(n, max(window-c.opts.MaxTokens, window/2))
}
