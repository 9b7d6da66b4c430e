package rag

import "context"

// duplicateAt is the share of common terms from which two passages say the same.
const duplicateAt = 0.9

// distinct marks near-duplicates of better passages as dropped and keeps at most k of the others.
func distinct(found ranking, k int, analyze Analyze) (kept, dropped []Ranked) {
	var seen []words
	for r := range found.all {
		if len(kept) == k {
			break
		}
		terms := r.Passage.terms(analyze)
		if isDuplicate(terms, seen) {
			r.Dropped = "duplicate"
			dropped = append(dropped, r)
			continue
		}
		seen = append(seen, terms)
		kept = append(kept, r)
	}
	return kept, dropped
}

func isDuplicate(terms words, seen []words) bool {
	for _, other := range seen {
		both := common(terms, other)
		if union := terms.len() + other.len() - both; union > 0 && float64(both) >= duplicateAt*float64(union) {
			return true
		}
	}
	return false
}

// fit keeps the passages that fit into budget prompt tokens, by rank, and
// never fewer than one. When they do not all fit, they are narrowed to the
// stretches that bear on the question first; what still does not fit is dropped.
func (p *Pipeline) fit(ctx context.Context, query string, kept []Ranked, budget int) (sources []Source, dropped []Dropped, err error) {
	counts, err := p.count(ctx, kept)
	if err != nil {
		return nil, nil, err
	}
	narrowed := kept
	if sum(counts) > budget && len(kept) > 1 {
		if narrowed, err = p.excerpts(ctx, query, kept, counts, budget); err != nil {
			return nil, nil, err
		}
		narrowed = append(narrowed, kept[min(len(kept), excerptFrom):]...)
		if counts, err = p.count(ctx, narrowed); err != nil {
			return nil, nil, err
		}
	}
	given := map[string]bool{}
	used := 0
	for i, r := range narrowed {
		if used+counts[i] > budget && len(sources) > 0 {
			continue
		}
		used += counts[i]
		given[r.Passage.ChunkID] = true
		sources = append(sources, Source{Index: len(sources) + 1, Passage: r.Passage, Score: r.Score})
	}
	for _, r := range kept {
		if !given[r.Passage.ChunkID] {
			dropped = append(dropped, Dropped{ChunkID: r.Passage.ChunkID, Reason: "budget"})
		}
	}
	return sources, dropped, nil
}

// count gives the prompt tokens of each passage in its frame.
func (p *Pipeline) count(ctx context.Context, ranked []Ranked) ([]int, error) {
	texts := make([]string, len(ranked))
	for i, r := range ranked {
		texts[i] = passageText(i+1, r.Passage)
	}
	return p.Generator.CountTokens(ctx, texts)
}

func sum(numbers []int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}
