// Package retrieval measures how well passages are found: on sets whose
// relevant passages are known, with the product's own chunker, analyser,
// embedding model, index and fusion, beside plain full text search.
package retrieval
