package eval

// Recall is the share of the relevant ids that are among the first k of ranked.
// An id is relevant when its gain is above 0; it is 0 when nothing is.
func Recall(ranked []string, relevant map[string]float64, k int) float64 {
	all, found := 0, 0
	for _, gain := range relevant {
		if gain > 0 {
			all++
		}
	}
	if all == 0 {
		return 0
	}
	seen := make(map[string]bool, min(k, len(ranked)))
	for _, id := range ranked[:min(k, len(ranked))] {
		if relevant[id] > 0 && !seen[id] {
			found++
		}
		seen[id] = true
	}
	return float64(found) / float64(all)
}
