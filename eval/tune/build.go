package tune

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

// Embed turns texts into vectors of unit length.
type Embed func(ctx context.Context, texts []string) ([][]float32, error)

// Draft asks a chat model for a short text.
type Draft func(ctx context.Context, prompt string) (string, error)

// Options shape a training set. Zero fields take the default.
type Options struct {
	Seed       uint64
	Limit      int        // examples at most; 0: all that can be made
	Passages   int        // in a prompt at most; default 5, as search.k
	Abstain    float64    // share of examples without the passage that answers; default 0.1, negative: none
	ClosedBook float64    // share without any passage; default 0.1
	Labelled   []Labelled // people's questions; with them, no others abstain or are without passages
	Own        Own        // nil: their answers are the documents' words or the expected ones
	Copies     int        // of each labelled question, with its passages in another order; default 2
	HeldOut    float64    // share, by document, that is not trained on; default 0.1
	Embed      Embed      // nil: words alone tell what is near
	Draft      Draft      // nil: questions are made by program alone
	Step       func(what string, done, all int)
}

func (o Options) withDefaults() Options {
	o.Passages = cmp.Or(o.Passages, 5)
	o.Abstain, o.ClosedBook, o.HeldOut = cmp.Or(o.Abstain, 0.1), cmp.Or(o.ClosedBook, 0.1), cmp.Or(o.HeldOut, 0.1)
	o.Copies = cmp.Or(o.Copies, 2)
	if o.Step == nil {
		o.Step = func(string, int, int) {}
	}
	return o
}

// found is a fact and where it was found.
type found struct {
	fact
	doc     int // in the set's documents
	passage int // of the document
}

// Build makes a training set of documents: the same for the same documents,
// options and seed, in whatever order the documents come.
func Build(ctx context.Context, docs []Document, opt Options) ([]Example, error) {
	opt = opt.withDefaults()
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(a.Path+"\x00"+a.ID, b.Path+"\x00"+b.ID) })
	b := &builder{opt: opt, docs: docs, rng: rand.New(rand.NewPCG(opt.Seed, 0x67726f756e64))}
	examples, err := b.labelled(ctx)
	if err != nil {
		return nil, err
	}
	if opt.Limit > 0 && len(examples) >= opt.Limit {
		return holdOut(examples[:opt.Limit], opt.HeldOut), nil
	}
	facts := b.collect()
	if len(facts)+len(examples) == 0 {
		return nil, errors.New("no question could be made from these documents: they hold no tables, key–value lines, rules or sections that a program understands")
	}
	b.rng.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	if facts, err = b.draft(ctx, facts); err != nil {
		return nil, err
	}
	if facts, err = b.distinct(ctx, facts, opt.Limit-len(examples)); err != nil {
		return nil, err
	}
	if err := b.index(ctx); err != nil {
		return nil, err
	}
	for i, f := range facts {
		b.opt.Step("composing", i+1, len(facts))
		e, ok := b.compose(f)
		if ok {
			examples = append(examples, e)
		}
	}
	return holdOut(examples, opt.HeldOut), nil
}

type builder struct {
	opt  Options
	docs []Document
	rng  *rand.Rand
	near *nearness // between questions and all passages
	at   map[string]int
}

// collect finds the facts of all passages, in the order of the documents.
func (b *builder) collect() []found {
	var out []found
	for i, d := range b.docs {
		b.opt.Step("reading", i+1, len(b.docs))
		for j, p := range d.Passages {
			for _, f := range factsOf(d, p) {
				out = append(out, found{fact: f, doc: i, passage: j})
			}
		}
	}
	return out
}

// draft puts the chat model's question in the place of the program's where it
// passes the same checks. Where it does not, the program's stays.
func (b *builder) draft(ctx context.Context, facts []found) ([]found, error) {
	if b.opt.Draft == nil {
		return facts, nil
	}
	if b.opt.Limit > 0 { // each costs seconds: a few more than needed, since near-duplicates go
		facts = facts[:min(len(facts), b.opt.Limit*3/2+4)]
	}
	for i := range facts {
		f := &facts[i]
		p := b.docs[f.doc].Passages[f.passage]
		reply, err := b.opt.Draft(ctx, draftPrompt(p, f.fact))
		if err != nil {
			return nil, err
		}
		if better, ok := drafted(reply, f.fact, p); ok {
			f.fact = better
		}
		b.opt.Step("drafting", i+1, len(facts))
	}
	return facts, nil
}

func draftPrompt(p rag.Passage, f fact) string {
	return "A colleague asks a question and gets this answer:\n\n" + strings.TrimSpace(p.Header) + "\n" + f.answer +
		"\n\nWrite the colleague's question: one short everyday question in other words than the answer, without giving the answer away. Write the question only."
}

// distinct leaves out questions that nearly repeat an earlier one, and stops at the limit.
func (b *builder) distinct(ctx context.Context, facts []found, room int) ([]found, error) {
	questions := make([]string, len(facts))
	for i, f := range facts {
		questions[i] = f.question
	}
	vectors, err := embedAll(ctx, b.opt.Embed, questions, func(n int) { b.opt.Step("comparing questions", n, len(questions)) })
	if err != nil {
		return nil, err
	}
	var kept []found
	var chosen []int
	terms := termSets(questions)
	for i, f := range facts {
		if b.opt.Limit > 0 && len(kept) == room {
			break
		}
		again := slices.ContainsFunc(chosen, func(j int) bool {
			return overlap(terms[i], terms[j]) >= sameQuestion || cosine(vectors, i, j) >= sameMeaning && facts[i].quote == facts[j].quote
		})
		if !again {
			kept, chosen = append(kept, f), append(chosen, i)
		}
	}
	return kept, nil
}

// index makes the passages comparable with questions.
func (b *builder) index(ctx context.Context) error {
	var texts []string
	b.at = map[string]int{}
	for _, d := range b.docs {
		for _, p := range d.Passages {
			b.at[p.ChunkID] = len(texts)
			texts = append(texts, p.Header+"\n"+p.Text)
		}
	}
	vectors, err := embedAll(ctx, b.opt.Embed, texts, func(n int) { b.opt.Step("embedding passages", n, len(texts)) })
	b.near = newNearness(texts, vectors)
	return err
}

// compose makes the example of a fact.
func (b *builder) compose(f found) (Example, bool) {
	d := b.docs[f.doc]
	gold := d.Passages[f.passage]
	e := Example{Method: f.method, Question: f.question, Answer: f.answer, Quote: f.quote, Gold: originOf(d, gold)}
	dice, n := b.rng.Float64(), 1+b.rng.IntN(b.opt.Passages)
	if len(b.opt.Labelled) > 0 {
		dice = 1
	}
	switch {
	case dice < b.opt.ClosedBook:
		e.Kind = ClosedBook
		e.Messages = []Message{{Role: "user", Content: f.question}, {Role: "assistant", Content: f.answer}}
		return e.named(), true
	case dice < b.opt.ClosedBook+b.opt.Abstain:
		e.Kind, e.Answer = Abstains, rag.Abstention
	default:
		e.Kind, n = Grounded, n-1
	}
	given := b.distractors(f, n)
	if e.Kind == Grounded {
		given = append(given, b.at[gold.ChunkID])
	}
	if len(given) == 0 {
		return e, false // nothing to abstain over
	}
	b.rng.Shuffle(len(given), func(i, j int) { given[i], given[j] = given[j], given[i] })
	var sources []rag.Source
	for i, at := range given {
		owner, p := b.passage(at)
		sources = append(sources, rag.Source{Index: i + 1, Passage: p})
		e.Given = append(e.Given, originOf(owner, p))
		e.texts = append(e.texts, p.Text)
		if e.Kind == Grounded && p.ChunkID == gold.ChunkID {
			e.Answer = marked(f.answer, i+1)
		}
	}
	for _, m := range rag.Compose(sources, []rag.Message{{Role: "user", Content: f.question}}) {
		e.Messages = append(e.Messages, Message(m))
	}
	e.Messages = append(e.Messages, Message{Role: "assistant", Content: e.Answer})
	return e.named(), true
}

// passage is the at-th of all.
func (b *builder) passage(at int) (Document, rag.Passage) {
	for _, d := range b.docs {
		if at < len(d.Passages) {
			return d, d.Passages[at]
		}
		at -= len(d.Passages)
	}
	panic("no such passage") // indexes come from the same documents
}

// distractors are n passages near the question that do not answer it: the
// nearest ones, as search would find them.
func (b *builder) distractors(f found, n int) []int {
	gold := b.docs[f.doc].Passages[f.passage]
	var out []int
	for _, at := range b.near.nearest(f.question, b.at[gold.ChunkID]) {
		if len(out) == n {
			break
		}
		if _, p := b.passage(at); !answersToo(f.fact, p) {
			out = append(out, at)
		}
	}
	return out
}

// answersToo: the passage holds most of what the answer says beyond the question, or the words themselves.
func answersToo(f fact, p rag.Passage) bool {
	if strings.Contains(squeeze(p.Text), squeeze(f.quote)) {
		return true
	}
	asked, there := set(analyze.Terms(f.question)), set(analyze.Terms(p.Header+" "+p.Text))
	all, held := 0, 0
	for term := range set(analyze.Terms(f.answer)) {
		if !asked[term] {
			all++
			if there[term] {
				held++
			}
		}
	}
	return all > 0 && float64(held) >= 0.7*float64(all)
}

// marked puts the mark of passage n before the last full stop.
func marked(answer string, n int) string {
	return strings.TrimSuffix(answer, ".") + " [" + string(rune('0'+n)) + "]."
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// holdOut sets whole documents aside until their examples are the share: the last ones
// that came up, which the seed has put in any order. One document alone is split by example.
func holdOut(examples []Example, share float64) []Example {
	want := int(share * float64(len(examples)))
	aside := map[string]bool{}
	for i, n := len(examples)-1, 0; i >= 0 && n < want; i-- {
		id := examples[i].Gold.DocumentID
		if aside[id] {
			continue
		}
		mine := 0
		for _, e := range examples {
			if e.Gold.DocumentID == id {
				mine++
			}
		}
		if n+mine <= max(2*want, 1) {
			aside[id], n = true, n+mine
		}
	}
	for i := range examples {
		examples[i].HeldOut = aside[examples[i].Gold.DocumentID] || len(aside) == 0 && i >= len(examples)-want
	}
	return examples
}
