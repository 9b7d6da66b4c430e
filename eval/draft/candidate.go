package draft

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"groundwork/rag/analyze"
)

// candidate is something that a question can be drafted for.
type candidate struct {
	id    string
	kind  Kind
	spans []span // two for TwoDocuments; for Outdated the current one and the old one
	wrong string // FalsePremise: the sentence with a wrong figure; Unanswerable: the identifier that does not exist, or empty
	truth string // what wrong stands in the place of
}

func newCandidate(kind Kind, wrong, truth string, spans ...span) candidate {
	parts := []string{string(kind), wrong}
	for _, s := range spans {
		parts = append(parts, s.passage.ChunkID, s.quote, s.table)
	}
	return candidate{id: digest(parts...)[:16], kind: kind, spans: spans, wrong: wrong, truth: truth}
}

// candidates are those of each kind, in the order in which they are tried.
func (m *maker) candidates(docs []Document) map[Kind][]candidate {
	rng := rand.New(rand.NewPCG(m.opt.Seed, 0x6472616674))
	var sentences, cells []span
	for _, d := range docs {
		s, c := spansOf(d)
		sentences, cells = append(sentences, s...), append(cells, c...)
	}
	out := map[Kind][]candidate{}
	sentences, cells = inTurns(sentences, rng), inTurns(cells, rng)
	all, isOld := sentences, func(s span) bool { return s.age.old } // what is outdated is asked for nowhere but where it is to mislead
	sentences, cells = slices.DeleteFunc(slices.Clone(sentences), isOld), slices.DeleteFunc(cells, isOld)
	for _, s := range sentences {
		out[Lookup] = append(out[Lookup], newCandidate(Lookup, "", "", s))
		if wrong, truth := falsified(s, rng); wrong != "" {
			out[FalsePremise] = append(out[FalsePremise], newCandidate(FalsePremise, wrong, truth, s))
		}
		truth := identifier.FindString(s.quote)
		out[Unanswerable] = append(out[Unanswerable], newCandidate(Unanswerable, m.sibling(truth), truth, s))
	}
	for _, c := range cells {
		out[Table] = append(out[Table], newCandidate(Table, "", "", c))
	}
	out[TwoDocuments], out[Outdated] = pairs(sentences), versions(all)
	return out
}

var counted = regexp.MustCompile(`(?:^|[ (])(\d{1,4})(?: [a-z]{3,}| %)`)

// falsified is a sentence with another figure in the place of one of its own, and that figure; empty when it has none that
// counts something.
func falsified(s span, rng *rand.Rand) (wrong, truth string) {
	at := counted.FindStringSubmatchIndex(s.quote)
	if at == nil {
		return "", ""
	}
	truth = s.quote[at[2]:at[3]]
	n, err := strconv.Atoi(truth)
	if err != nil || n < 2 || n >= 1900 && n <= 2100 {
		return "", ""
	}
	for _, other := range []int{n * (2 + rng.IntN(2)), n + 1 + rng.IntN(n), n + 5} {
		if v := strconv.Itoa(other); !holdsWord(s.passage.Text, v) && !strings.Contains(truth, v) {
			return s.quote[:at[2]] + v + s.quote[at[3]:], truth
		}
	}
	return "", ""
}

// sibling is an identifier like id that stands in no document; empty when id is.
func (m *maker) sibling(id string) string {
	at := strings.IndexFunc(id, func(r rune) bool { return r >= '0' && r <= '9' })
	if at < 0 {
		return ""
	}
	digits := strings.TrimRight(id[at:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return ""
	}
	step := 1
	if strings.HasSuffix(digits, "0") && n >= 10 {
		step = 10
	}
	for i := 1; i < 10; i++ {
		other := id[:at] + strconv.Itoa(n+i*step) + id[at+len(digits):]
		if !slices.ContainsFunc(m.texts, func(t string) bool { return strings.Contains(t, other) }) {
			return other
		}
	}
	return ""
}

const (
	mostPairs   = 400 // of each kind: each costs a call of the model
	commonIn    = 200 // sentences that have a term which still says that two are about the same
	rareIn      = 4   // documents that a shared name may be in
	sameSubject = 0.5 // shared share of the terms of two sentences, figures aside, that say the same at another time
)

// pairs are sentences of two documents that name the same rare thing.
func pairs(sentences []span) []candidate {
	named := map[string][]span{}
	var order []string
	for _, s := range sentences {
		if !figure.MatchString(s.quote) {
			continue
		}
		for _, n := range names(s.quote) {
			if calendar.MatchString(n) {
				continue
			}
			if named[n] == nil {
				order = append(order, n)
			}
			named[n] = append(named[n], s)
		}
	}
	var out []candidate
	for _, n := range order {
		docs := map[string]bool{}
		for _, s := range named[n] {
			docs[s.doc.ID] = true
		}
		if len(docs) < 2 || len(docs) > rareIn {
			continue
		}
		first := named[n][0]
		for _, s := range named[n][1:] {
			if s.doc.ID != first.doc.ID && !s.age.before(first.age) && !first.age.before(s.age) && len(out) < mostPairs {
				out = append(out, newCandidate(TwoDocuments, "", n, first, s))
				break
			}
		}
	}
	return out
}

// versions are sentences that say another figure than an older document does.
func versions(sentences []span) []candidate {
	plain, holding := make([]map[string]bool, len(sentences)), map[string][]int{}
	for i, s := range sentences {
		if !figure.MatchString(s.quote) {
			continue
		}
		plain[i] = set(analyze.Terms(digits.ReplaceAllString(s.quote, " ")))
		for term := range plain[i] {
			holding[term] = append(holding[term], i)
		}
	}
	var out []candidate
	for i, now := range sentences {
		best, at := sameSubject, -1
		for j := range near(plain[i], holding) {
			then := sentences[j]
			if then.doc.ID == now.doc.ID || !then.age.before(now.age) || slices.Equal(digits.FindAllString(now.quote, -1), digits.FindAllString(then.quote, -1)) {
				continue
			}
			if o := overlap(plain[i], plain[j]); o > best || o == best && (at < 0 || j < at) {
				best, at = o, j
			}
		}
		if at >= 0 && len(out) < mostPairs {
			out = append(out, newCandidate(Outdated, "", "", now, sentences[at]))
		}
	}
	return out
}

// near are the places of sentences that have a term of terms that few have.
func near(terms map[string]bool, holding map[string][]int) map[int]bool {
	out := map[int]bool{}
	for term := range terms {
		if len(holding[term]) <= commonIn {
			for _, at := range holding[term] {
				out[at] = true
			}
		}
	}
	return out
}

var digits = regexp.MustCompile(`\d+(?:[.,:]\d+)*`)
