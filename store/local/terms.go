package local

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// tokenizer makes FTS5 take each encoded term whole: it cuts at ASCII
// characters other than letters, digits and these.
const tokenizer = `ascii tokenchars '._-'`

// encode gives the form of a term that FTS5 keeps whole and unfolded, or "" for
// an empty one. Terms of lower-case letters, digits, dots and hyphens stay as
// they are; any other becomes an underscore and its bytes in hexadecimal, or
// their hash when it is long. So no term can mean anything to FTS5's syntax.
func encode(term string) string {
	if len(term) > 255 {
		sum := sha256.Sum256([]byte(term))
		return "_h" + hex.EncodeToString(sum[:])
	}
	for i := range len(term) {
		c := term[i]
		plain := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c >= 0x80
		if !plain {
			return "_" + hex.EncodeToString([]byte(term))
		}
	}
	return term
}

// encodeAll joins the encoded terms for FTS5 and counts them.
func encodeAll(terms []string) (joined string, length int) {
	var b strings.Builder
	for _, term := range terms {
		if e := encode(term); e != "" {
			if length > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(e)
			length++
		}
	}
	return b.String(), length
}

// distinct encodes the terms of a query, each once, in the order they came.
func distinct(terms []string) []string {
	seen := make(map[string]bool, len(terms))
	var out []string
	for _, term := range terms {
		if e := encode(term); e != "" && !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}
