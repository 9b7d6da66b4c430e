package compare

import "fmt"

// conclusions say in words what tuning brought over the documents: over all questions, and over those whose
// documents were held out. Without a tuned model there is nothing to say.
func conclusions(all []Difference) []string {
	out := []string{}
	for _, group := range []string{AllQuestions, HeldOut} {
		for _, owed := range []struct{ a, b, to string }{{BaseStore, TunedStore, "Tuning"}, {Tuned, TunedStore, "Retrieval"}} {
			for _, d := range all {
				if d.Group == group && d.Measure == "score" && d.A == owed.a && d.B == owed.b {
					out = append(out, d.concluded(owed.to))
				}
			}
		}
	}
	return out
}

// concluded is what a difference of scores says of what it is owed to.
func (d Difference) concluded(owed string) string {
	about := fmt.Sprintf("on all %d questions", d.Questions)
	if d.Group == HeldOut {
		about = fmt.Sprintf("on the %d questions about documents that were not trained on", d.Questions)
	}
	says := "is not shown to help"
	switch {
	case d.Better():
		says = "helps"
	case d.Worse():
		says = "does harm"
	}
	return fmt.Sprintf("%s %s %s: %s against %s, %s points.", owed, says, about, d.B, d.A, d.told())
}
