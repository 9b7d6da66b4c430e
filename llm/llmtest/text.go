package llmtest

import (
	"hash/fnv"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words are the lower-case runs of letters and digits.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// stop words carry no meaning for the embedding or the extraction.
var stop = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields("a an and are as at be but by can do does for from has have how i if in is it its " +
		"may me must my of on or our shall should so that the their them then there these they this to was we were " +
		"what when where which who whom whose why will with would you your") {
		m[w] = true
	}
	return m
}()

func stem(w string) string {
	for _, suffix := range []string{"ing", "ies", "ed", "es", "s"} {
		if len(w) > len(suffix)+3 && strings.HasSuffix(w, suffix) {
			return strings.TrimSuffix(w, suffix)
		}
	}
	return w
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// Vector embeds a text: a hashed bag of stemmed words and word beginnings,
// of unit length, so that texts with words in common are near.
func Vector(text string, dimensions int) []float32 {
	weight := map[string]float64{}
	for _, w := range words(text) {
		if stop[w] {
			continue
		}
		w = stem(w)
		weight[w]++
		if r := []rune(w); len(r) > 4 {
			weight["^"+string(r[:4])] += 0.3
		}
	}
	sum := make([]float64, dimensions)
	for w, n := range weight {
		h := hash(w)
		v := math.Log1p(n)
		if h>>63 == 1 {
			v = -v
		}
		sum[h%uint64(dimensions)] += v
	}
	return unit(sum)
}

func unit(sum []float64) []float32 {
	var n float64
	for _, v := range sum {
		n += v * v
	}
	out := make([]float32, len(sum))
	if n == 0 { // nothing but stop words, or words that cancel out
		out[0] = 1
		return out
	}
	n = math.Sqrt(n)
	for i, v := range sum {
		out[i] = float32(v / n)
	}
	return out
}

// Tokens is the fake tokenizer: four letters or digits make a token, and so
// does every other visible character. Ids start at 100.
func Tokens(text string) []int {
	out := make([]int, 0, len(text)/3)
	h, n := uint64(fnvOffset), 0 // of the run so far, and its characters
	var buf [utf8.UTFMax]byte
	flush := func() {
		if n > 0 {
			out = append(out, 100+int(h%150000))
			h, n = fnvOffset, 0
		}
	}
	for _, r := range text {
		if unicode.IsSpace(r) {
			flush()
			continue
		}
		visible := !unicode.IsLetter(r) && !unicode.IsDigit(r)
		if visible {
			flush()
		}
		for _, b := range buf[:utf8.EncodeRune(buf[:], r)] {
			h = (h ^ uint64(b)) * fnvPrime
		}
		if n++; visible || n == 4 {
			flush()
		}
	}
	flush()
	return out
}

// FNV-1a with 64 bits, as hash computes it; written out because a prompt has a thousand tokens.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// Pieces cuts a reply the way it is streamed: a word with the white space before it.
// Together they are the text again.
func Pieces(text string) []string {
	var out []string
	start, inWord := 0, false
	for i, r := range text {
		space := unicode.IsSpace(r)
		if space && inWord {
			out = append(out, text[start:i])
			start = i
		}
		inWord = !space
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}
