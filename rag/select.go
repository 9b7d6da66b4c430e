package rag

import "context"

// duplicateAt is the share of common terms from which two passages say the same.
const duplicateAt = 0.9

// distinct marks near-duplicates of better passages as dropped and keeps at most k of the others.
func distinct(ranked []Ranked, k int, analyze Analyze) (kept, dropped []Ranked) {
	var seen []map[string]bool
	for _, r := range ranked {
		if len(kept) == k {
			break
		}
		terms := set(analyze(r.Passage.Text))
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

func isDuplicate(terms map[string]bool, seen []map[string]bool) bool {
	for _, other := range seen {
		common := 0
		for t := range terms {
			if other[t] {
				common++
			}
		}
		if union := len(terms) + len(other) - common; union > 0 && float64(common) >= duplicateAt*float64(union) {
			return true
		}
	}
	return false
}

// fit keeps the passages that fit into budget prompt tokens, by rank, and
// never fewer than one: the first passage is what the judge decided on. What
// does not fit is dropped, a smaller one after it may still fit.
func fit(ctx context.Context, ranked []Ranked, budget int, g Generator) (sources []Source, dropped []Dropped, err error) {
	texts := make([]string, len(ranked))
	for i, r := range ranked {
		texts[i] = passageText(i+1, r.Passage)
	}
	counts, err := g.CountTokens(ctx, texts)
	if err != nil {
		return nil, nil, err
	}
	used := 0
	for i, r := range ranked {
		if used+counts[i] > budget && len(sources) > 0 {
			dropped = append(dropped, Dropped{ChunkID: r.Passage.ChunkID, Reason: "budget"})
			continue
		}
		used += counts[i]
		sources = append(sources, Source{Index: len(sources) + 1, Passage: r.Passage, Score: r.Score})
	}
	return sources, dropped, nil
}
