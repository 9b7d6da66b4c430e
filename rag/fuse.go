package rag

import (
	"cmp"
	"slices"
)

// neighbourShare is how much of a neighbouring chunk's score a chunk gets on
// top of its own: evidence for a passage often lies around it. Measured on the
// handbook questions: 0.2 lifts a gold passage into the top 5 more often than 0 or 0.4.
const neighbourShare = 0.2

// legs is what both legs of a search found.
type legs struct {
	dense, text []Hit
	ideal       float64   // BM25 of a passage that holds every term of the query endlessly often
	terms       []string  // of the query, each once
	idf         []float64 // of the terms
}

// fuse joins both legs into one ranking, best first.
//
// The dense leg counts with its cosine, the text leg with its share of the
// ideal BM25, weighted. Both are absolute, so a text leg that matches little
// (a paraphrase) says little, instead of ranking its noise first as RRF and
// min-max scaling do. Then what the chunk's document and its neighbours hold counts too. Scores are 0 to 1.
func fuse(l legs, passages []Passage, denseWeight float64, analyze Analyze) ranking {
	scores := scored(l, passages, denseWeight)
	withDocuments(scores, passages, l, analyze)
	withNeighbours(scores, passages)
	slices.SortFunc(scores, func(a, b score) int {
		if c := cmp.Compare(b.fused, a.fused); c != 0 {
			return c
		}
		return cmp.Compare(passages[a.at].ChunkID, passages[b.at].ChunkID)
	})
	return ranking{scores, passages}
}

// ranking is passages and their scores, best first. Of some two hundred, few are ever looked at.
type ranking struct {
	scores   []score
	passages []Passage
}

func (r ranking) all(yield func(Ranked) bool) {
	for _, s := range r.scores {
		if !yield(Ranked{Passage: r.passages[s.at], Score: s.fused, DenseRank: s.denseRank, Dense: s.dense, TextRank: s.textRank, Text: s.text,
			RerankRank: s.rerankRank, Rerank: s.rerank}) {
			return
		}
	}
}

// score is what a passage got; passages are large, so these are sorted instead.
type score struct {
	at                  int // in the list of passages
	fused, dense, text  float64
	denseRank, textRank int // from 1; 0 when the leg did not find it
	rerank              float64
	rerankRank          int // from 1; 0 when it was not reranked
}

// scored gives each passage its share of both legs.
func scored(l legs, passages []Passage, denseWeight float64) []score {
	byID := make(map[string]int, len(passages))
	out := make([]score, len(passages))
	floor := 0.0 // of a chunk that the dense leg did not return: at most the last one's
	if n := len(l.dense); n > 0 {
		floor = l.dense[n-1].Score
	}
	for i, p := range passages {
		out[i] = score{at: i, dense: floor}
		byID[p.ChunkID] = i
	}
	for i, h := range l.dense {
		if at, ok := byID[h.ChunkID]; ok {
			out[at].denseRank, out[at].dense = i+1, h.Score
		}
	}
	for i, h := range l.text {
		if at, ok := byID[h.ChunkID]; ok {
			out[at].textRank, out[at].text = i+1, h.Score
		}
	}
	for i := range out {
		text := 0.0
		if l.ideal > 0 {
			text = min(out[i].text/l.ideal, 1)
		}
		out[i].fused = denseWeight*max(out[i].dense, 0) + (1-denseWeight)*text
	}
	return out
}

// withNeighbours adds each chunk's better neighbour's score, as far as it was
// found. The scores are in the order of the passages.
func withNeighbours(scores []score, passages []Passage) {
	type place struct {
		document string
		seq      int
	}
	at := make(map[place]float64, len(scores))
	lowest := 1.0
	for i, p := range passages {
		at[place{p.DocumentID, p.Seq}] = scores[i].fused
		lowest = min(lowest, scores[i].fused)
	}
	for i, p := range passages {
		best := lowest
		for _, seq := range []int{p.Seq - 1, p.Seq + 1} {
			if s, ok := at[place{p.DocumentID, seq}]; ok {
				best = max(best, s)
			}
		}
		scores[i].fused = (scores[i].fused + neighbourShare*best) / (1 + neighbourShare)
	}
}
