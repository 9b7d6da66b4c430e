package llm

import (
	"context"
	"fmt"
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
	learnAbove    = 1.2 // times the known speed
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

// Probe asks the server for its window and measures how fast it reads and
// writes, or takes the speeds from the cache; Limits tells the result. A
// cached measurement older than a day is repeated in the background.
func (c *Chat) Probe(ctx context.Context) (rag.Limits, error) {
	c.tokens.forget()
	f, err := c.ask(ctx)
	if err != nil {
		return c.Limits(), err
	}
	c.llama.Store(f.llama)
	key := c.fingerprint(f)
	if known, ok := c.recall(key); ok {
		c.publish(f, known.speed)
		if age := c.opts.Now().Sub(known.MeasuredAt); age > measuredFor || age < 0 {
			c.refresh(f, key)
		}
		return c.Limits(), nil
	}
	c.publish(f, speed{})
	if err := c.remeasure(ctx, f, key); err != nil {
		return c.Limits(), err
	}
	return c.Limits(), nil
}

// refresh measures again in the background, unless somebody is waiting for an
// answer: that would make both slow.
func (c *Chat) refresh(f facts, key string) {
	if c.active.Load() > 0 || c.ctx.Err() != nil {
		return
	}
	c.work.Go(func() {
		if err := c.remeasure(c.ctx, f, key); err != nil && c.ctx.Err() == nil {
			c.opts.Log.Warn("the chat model's speed could not be measured again; the older figures stay", "error", err)
		}
	})
}

func (c *Chat) remeasure(ctx context.Context, f facts, key string) error {
	found, err := c.measure(ctx)
	if err != nil {
		return fmt.Errorf("measure the chat model: %w", err)
	}
	c.publish(f, found)
	c.keep(key, found)
	return nil
}

// measure runs the probe, and on a server that is quick enough a second time,
// and takes the better figures: the rest is other work on the machine.
func (c *Chat) measure(ctx context.Context) (speed, error) {
	start := time.Now()
	best, err := c.measureOnce(ctx)
	if err != nil || time.Since(start) > probeAgain {
		return best, err
	}
	second, err := c.measureOnce(ctx)
	if err != nil {
		return best, err
	}
	return speed{Prefill: max(best.Prefill, second.Prefill), Decode: max(best.Decode, second.Decode)}, nil
}

func (c *Chat) measureOnce(ctx context.Context) (speed, error) {
	fields := map[string]any{}
	if c.llama.Load() {
		fields["cache_prompt"] = false
	}
	zero := 0.0
	start := time.Now()
	// The clock in front keeps other servers' prefix caches out of the figure.
	prompt := rag.Prompt{
		Messages: []rag.Message{{Role: "user", Content: strconv.FormatInt(start.UnixNano(), 36) + " " + probeText}},
		Sampling: rag.Sampling{MaxTokens: probeReply, Temperature: &zero},
	}
	var first time.Time
	done, err := c.generate(ctx, prompt, fields, func(string) error {
		if first.IsZero() {
			first = time.Now()
		}
		return nil
	})
	if err != nil {
		return speed{}, err
	}
	if t := done.timings; t.PromptPerSec > 0 {
		return speed{Prefill: t.PromptPerSec, Decode: t.PredictPerSec}, nil
	}
	return clocked(done.usage, first.Sub(start), time.Since(first)), nil
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

// learn corrects a measurement that other work on the machine had spoilt: a
// real prompt that was read clearly faster sets the new speed.
func (c *Chat) learn(t timings) {
	known := c.Limits()
	if t.PromptN < learnFrom || known.PrefillPerSec == 0 || t.PromptPerSec < learnAbove*known.PrefillPerSec {
		return
	}
	f := *c.facts.Load()
	better := speed{Prefill: t.PromptPerSec, Decode: max(known.DecodePerSec, t.PredictPerSec)}
	c.publish(f, better)
	c.keep(c.fingerprint(f), better)
}

// keep writes a measurement to the cache. Failing that, the figures still
// serve; only the next start has to measure again.
func (c *Chat) keep(key string, s speed) {
	if err := c.remember(key, measurement{speed: s, MeasuredAt: c.opts.Now()}); err != nil {
		c.opts.Log.Warn("the chat model's measured speed could not be kept", "error", err)
	}
}

// publish makes Limits tell f and s.
func (c *Chat) publish(f facts, s speed) {
	c.facts.Store(&f)
	c.limits.Store(&rag.Limits{
		Model:         c.opts.Name,
		Quantisation:  f.quantisation,
		ContextTokens: f.window,
		PrefillPerSec: s.Prefill,
		DecodePerSec:  s.Decode,
		ContextBudget: c.budget(f.window, s),
	})
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
