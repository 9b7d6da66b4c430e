package eval

// Decision is whether a question was refused, and whether the documents answer it.
type Decision struct{ Answerable, Refused bool }

// FalseRefusals counts the answerable questions that were refused.
func FalseRefusals(ds []Decision) Share {
	var s Share
	for _, d := range ds {
		if d.Answerable {
			s.add(d.Refused)
		}
	}
	return s
}

// FalseAnswers counts the unanswerable questions that were answered.
func FalseAnswers(ds []Decision) Share {
	var s Share
	for _, d := range ds {
		if !d.Answerable {
			s.add(!d.Refused)
		}
	}
	return s
}

// BalancedAccuracy is the mean of the share of answerable questions that were
// answered and of unanswerable ones that were refused; ok is false unless there are both.
func BalancedAccuracy(ds []Decision) (accuracy float64, ok bool) {
	refusals, answers := FalseRefusals(ds), FalseAnswers(ds)
	if refusals.Of == 0 || answers.Of == 0 {
		return 0, false
	}
	return 1 - (refusals.Percent()+answers.Percent())/200, true
}
