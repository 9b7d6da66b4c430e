package eval

// ReciprocalRank is 1/rank of the first relevant id among the first k of ranked,
// and 0 when none is there. The mean over questions is the MRR.
func ReciprocalRank(ranked []string, relevant map[string]float64, k int) float64 {
	for i, id := range ranked[:min(k, len(ranked))] {
		if relevant[id] > 0 {
			return 1 / float64(i+1)
		}
	}
	return 0
}
