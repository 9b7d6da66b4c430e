package tune

import (
	"context"
	"slices"
	"strings"

	"groundwork/eval"
	"groundwork/rag"
	"groundwork/rag/analyze"
)

// Labelled is a question in people's own words with the answer that they
// expect, and the passages that the store gives for it.
type Labelled struct {
	eval.Question
	Given   []rag.Source // as an answer's prompt holds them
	Without []rag.Source // likewise, of a store without the documents that answer it
}

// labelledMethod marks examples of labelled questions in a set.
const labelledMethod = "labelled"

// Learnable parts a question set: what may be learnt from are the questions all of whose documents are to be trained
// on; what may be asked afterwards are those all of whose documents are held out, and those that nothing answers.
// Questions about documents of both kinds are in neither.
func Learnable(questions []eval.Question, heldOut []string) (learn, ask []eval.Question) {
	for _, q := range questions {
		held := 0
		for _, g := range q.Gold {
			if slices.ContainsFunc(heldOut, func(p string) bool { return sameDocument(p, g.Path) }) {
				held++
			}
		}
		switch {
		case held == len(q.Gold):
			ask = append(ask, q)
		case held == 0:
			learn = append(learn, q)
		}
	}
	return learn, ask
}

// HoldOut leaves out the documents at paths, and what is attached to them.
func HoldOut(docs []Document, paths []string) (rest []Document, left []string) {
	for _, d := range docs {
		if slices.ContainsFunc(paths, d.isAt) {
			left = append(left, d.Path)
			continue
		}
		rest = append(rest, d)
	}
	return rest, left
}

// isAt tells whether a document has a path, or lies in one that has it.
func (d Document) isAt(path string) bool {
	return sameDocument(path, d.Path) || slices.ContainsFunc(d.Within, func(in string) bool { return sameDocument(path, in) })
}

// labelled makes the examples of labelled questions: each as often as asked for, with its passages in another order
// every time, and some a second time without the documents that answer them. Those whose answer the server's
// own check would not pass are left out: what would be flagged is not taught.
func (b *builder) labelled(ctx context.Context) ([]Example, error) {
	var out []Example
	var spare []int
	for i, l := range b.opt.Labelled {
		b.opt.Step("composing labelled questions", i+1, len(b.opt.Labelled))
		golds, ok := b.golds(l)
		if !ok {
			continue
		}
		answer, err := b.answer(ctx, l.Question, golds)
		if err != nil {
			return nil, err
		}
		if answer == "" {
			continue
		}
		given := withGolds(l.Given, golds, l.Gold)
		for n := range b.opt.Copies {
			order := slices.Clone(given)
			if n > 0 || len(given) != len(l.Given) { // the first time as the server gives them
				b.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			out = append(out, b.example(l, golds, order, answer))
		}
		if len(l.Without) > 0 && !rag.Covers(answer, l.Question.Question, l.Without, analyze.Terms) {
			spare = append(spare, i)
		}
	}
	b.rng.Shuffle(len(spare), func(i, j int) { spare[i], spare[j] = spare[j], spare[i] })
	want := max(int(float64(len(out))*b.opt.Abstain/(1-b.opt.Abstain)), 0)
	for _, i := range spare[:min(want, len(spare))] {
		l := b.opt.Labelled[i]
		golds, _ := b.golds(l)
		out = append(out, b.example(l, golds, l.Without, ""))
	}
	b.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}

// golds are the passages that hold the question's gold quotes; ok is false when one of them is in no passage.
func (b *builder) golds(l Labelled) (golds []rag.Source, ok bool) {
	for _, g := range l.Gold {
		p, ok := b.holding(g)
		if !ok {
			return nil, false
		}
		if !slices.ContainsFunc(golds, func(s rag.Source) bool { return s.Passage.ChunkID == p.ChunkID }) {
			golds = append(golds, rag.Source{Index: len(golds) + 1, Passage: p})
		}
	}
	return golds, len(golds) > 0
}

func (b *builder) holding(g eval.Gold) (rag.Passage, bool) {
	for _, d := range b.docs {
		if !sameDocument(g.Path, d.Path) {
			continue
		}
		for _, p := range d.Passages {
			if holds(p, g) {
				return p, true
			}
		}
	}
	return rag.Passage{}, false
}

func holds(p rag.Passage, g eval.Gold) bool {
	return sameDocument(g.Path, p.Filename) && strings.Contains(squeeze(p.Text), squeeze(g.Quote))
}

// withGolds puts what given lacks of golds in front, in the room that given has.
func withGolds(given, golds []rag.Source, quotes []eval.Gold) []rag.Source {
	var out []rag.Source
	room := 0
	for _, s := range given {
		room += len(s.Passage.Text)
	}
	for _, s := range golds {
		missing := slices.ContainsFunc(quotes, func(g eval.Gold) bool {
			return holds(s.Passage, g) && !slices.ContainsFunc(given, func(t rag.Source) bool { return holds(t.Passage, g) })
		})
		if missing {
			out, room = append(out, s), room-len(s.Passage.Text)
		}
	}
	if len(out) == 0 {
		return given
	}
	for _, s := range given {
		again := slices.ContainsFunc(out, func(t rag.Source) bool { return t.Passage.ChunkID == s.Passage.ChunkID })
		needed := slices.ContainsFunc(quotes, func(g eval.Gold) bool { return holds(s.Passage, g) })
		if room -= len(s.Passage.Text); again || room < 0 && !needed {
			continue
		}
		out = append(out, s)
	}
	return out
}

// example is one of a labelled question over sources in their order; without an answer it abstains.
func (b *builder) example(l Labelled, golds, sources []rag.Source, answer string) Example {
	e := Example{Kind: Grounded, Method: labelledMethod, Question: l.Question.Question, Answer: rag.Abstention, Quote: l.Gold[0].Quote,
		Gold: b.origin(golds[0].Passage)}
	numbered := make([]rag.Source, len(sources))
	for i, s := range sources {
		s.Index = i + 1
		numbered[i] = s
		e.Given, e.texts = append(e.Given, b.origin(s.Passage)), append(e.texts, s.Passage.Text)
	}
	if answer == "" {
		e.Kind = Abstains
	} else {
		e.Answer = answer // without marks: the server takes a model's out, and ties answers to passages by itself
	}
	for _, m := range rag.Compose(numbered, []rag.Message{{Role: "user", Content: e.Question}}) {
		e.Messages = append(e.Messages, Message(m))
	}
	e.Messages = append(e.Messages, Message{Role: "assistant", Content: e.Answer})
	return e.named()
}

// origin of a passage, or of a stretch of one, as it was given.
func (b *builder) origin(p rag.Passage) Origin {
	for _, d := range b.docs {
		if d.ID == p.DocumentID {
			return originOf(d, p)
		}
	}
	return originOf(Document{ID: p.DocumentID, Path: p.Filename}, p)
}
