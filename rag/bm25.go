package rag

import "math"

// BM25 as both indexes use it: a chunk's score is the sum over the query's
// distinct terms of TermIDF × TermWeight.
//
// The mean length is a constant instead of the store's own mean. So a chunk's
// weights never change when its store grows, an index may keep them, and every
// index gives the same scores. What is lost is small: chunks aim at one size, and
// a mean that is off by a fifth moves a weight by less than a tenth.
const (
	bm25K1     = 1.2  // saturation of a term's frequency; a term's part of a score is below idf*(k1+1)
	bm25B      = 0.75 // how much the length counts
	bm25Length = 64   // terms of a chunk: 63.5 is the mean over 3,379 chunks of handbooks, cut at 160 tokens
	bm25Count  = 255  // occurrences beyond count no more
	bm25Floor  = 1e-6 // least weight of a term, as in SQLite's FTS5: one that half of all chunks hold still ranks
)

// TermWeight is the part of a term's score that depends on the chunk alone: the
// term occurs count times among the chunk's length terms.
func TermWeight(count, length int) float64 {
	n := float64(min(count, bm25Count))
	return n * (bm25K1 + 1) / (n + bm25K1*(1-bm25B+bm25B*float64(length)/bm25Length))
}

// TermIDF is the weight of a term that holding of a store's chunks hold.
func TermIDF(chunks, holding int) float64 {
	return max(bm25Floor, math.Log((float64(chunks-holding)+0.5)/(float64(holding)+0.5)))
}
