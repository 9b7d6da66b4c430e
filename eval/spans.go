package eval

import "slices"

// Stretch is a part of a document, in code points, end exclusive.
type Stretch struct{ Start, End int }

// SpanScore tells how much of the gold spans some retrieved stretches hold.
type SpanScore struct {
	Recall    float64 `json:"recall"`    // share of the gold spans that is in a stretch
	Precision float64 `json:"precision"` // share of the stretches that is gold; what two stretches hold counts twice, for it is sent twice
	Tokens    float64 `json:"tokens"`    // sent to the model
}

// ScoreSpans scores retrieved stretches of the document that the gold spans are in, as
// token recall and precision of Smith and Troynikov, "Evaluating Chunking Strategies
// for Retrieval" (2024), which count characters too. Without gold the score is zero.
func ScoreSpans(gold, retrieved []Stretch, tokens int) SpanScore {
	s := SpanScore{Tokens: float64(tokens)}
	gold, sent := union(gold), length(retrieved)
	var inGold int
	for _, r := range retrieved {
		inGold += within(gold, r)
	}
	if sent > 0 {
		s.Precision = float64(inGold) / float64(sent)
	}
	var held int
	for _, r := range union(retrieved) {
		held += within(gold, r)
	}
	if total := length(gold); total > 0 {
		s.Recall = float64(held) / float64(total)
	}
	return s
}

// MeanSpans is the mean of scores.
func MeanSpans(scores []SpanScore) SpanScore {
	var m SpanScore
	n := float64(max(1, len(scores)))
	for _, s := range scores {
		m.Recall += s.Recall / n
		m.Precision += s.Precision / n
		m.Tokens += s.Tokens / n
	}
	return m
}

// union joins stretches that touch or overlap, in their order in the document.
func union(stretches []Stretch) []Stretch {
	sorted := slices.SortedFunc(slices.Values(stretches), func(a, b Stretch) int { return a.Start - b.Start })
	var out []Stretch
	for _, s := range sorted {
		if last := len(out) - 1; last >= 0 && s.Start <= out[last].End {
			out[last].End = max(out[last].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}

func length(stretches []Stretch) (n int) {
	for _, s := range stretches {
		n += s.End - s.Start
	}
	return n
}

func within(in []Stretch, with Stretch) (n int) {
	for _, s := range in {
		n += max(0, min(s.End, with.End)-max(s.Start, with.Start))
	}
	return n
}
