package chunk

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// small is the share of the aim below which a chunk looks for company.
const small = 0.4

// weigh fills in the token counts with one call.
func weigh(body string, pieces []piece, count Counter) error {
	texts := make([]string, len(pieces))
	for i, p := range pieces {
		texts[i] = body[p.start:p.end]
	}
	counts, err := count(texts)
	if err != nil {
		return err
	}
	for i := range pieces {
		pieces[i].tokens = counts[i]
	}
	return nil
}

// shrink replaces pieces above the aim by their sentences, and sentences above it by runs of words.
func shrink(body string, pieces []piece, aim int, count Counter) ([]piece, error) {
	for _, split := range []func(string, piece, int) []piece{sentences, words} {
		var parts []piece
		for _, p := range pieces {
			if p.tokens > aim {
				parts = append(parts, split(body, p, aim)...)
			}
		}
		if len(parts) == 0 {
			return pieces, nil
		}
		if err := weigh(body, parts, count); err != nil {
			return nil, err
		}
		out := make([]piece, 0, len(pieces)+len(parts))
		for _, p := range pieces {
			if p.tokens <= aim {
				out = append(out, p)
				continue
			}
			for len(parts) > 0 && parts[0].start < p.end {
				out, parts = append(out, parts[0]), parts[1:]
			}
		}
		pieces = out
	}
	return pieces, nil
}

func sentences(body string, p piece, _ int) []piece {
	return at(body, p, sentenceEnds(body[p.start:p.end]))
}

// words cuts p into runs that are about aim tokens by their share of bytes.
func words(body string, p piece, aim int) []piece {
	text := body[p.start:p.end]
	step := max(len(text)*aim/(p.tokens+1), 1)
	var ends []int
	for from := 0; from < len(text); {
		to := min(from+step, len(text))
		if to < len(text) {
			if space := strings.LastIndexFunc(text[from:to], unicode.IsSpace); space > step/2 {
				to = from + space + 1
			}
			for to < len(text) && !utf8.RuneStart(text[to]) {
				to++
			}
		}
		ends = append(ends, to)
		from = to
	}
	return at(body, p, ends)
}

// at cuts p at ends (relative to p.start) and trims the parts.
func at(body string, p piece, ends []int) []piece {
	var out []piece
	from := p.start
	for _, e := range ends {
		part := p
		part.slide = p.slide && len(out) == 0
		part.start, part.end = from, p.start+e
		from = part.end
		text := body[part.start:part.end]
		part.start += len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
		part.end = part.start + len(strings.TrimSpace(text))
		if part.start < part.end {
			out = append(out, part)
		}
	}
	return out
}

// pack groups consecutive pieces into chunks. A section that is larger than
// the aim is cut into parts of about equal size; sections that are small share
// a chunk when they have the same parent. A heading stays with what follows it.
func pack(pieces []piece, aim int) [][]piece {
	var out [][]piece
	for _, section := range sections(pieces) {
		total := tokens(section)
		if n := len(out); n > 0 && joinable(out[n-1], section, aim) {
			out[n-1] = append(out[n-1], section...)
			continue
		}
		if total <= aim+aim/4 {
			out = append(out, section)
			continue
		}
		parts := (total + aim - 1) / aim
		out = append(out, balance(section, (total+parts-1)/parts, aim)...)
	}
	return out
}

// sections groups pieces under the same innermost heading.
func sections(pieces []piece) [][]piece {
	var out [][]piece
	for i, p := range pieces {
		if i > 0 && samePath(pieces[i-1].path, p.path) && !p.slide {
			out[len(out)-1] = append(out[len(out)-1], p)
			continue
		}
		out = append(out, []piece{p})
	}
	return out
}

func samePath(a, b []*Mark) bool {
	return len(a) == len(b) && (len(a) == 0 || a[len(a)-1] == b[len(b)-1])
}

// joinable: the chunk before is a lone heading or small, the next is of the
// same family, and together they fit.
func joinable(chunk, next []piece, aim int) bool {
	have, more := tokens(chunk), tokens(next)
	if have+more > aim || next[0].slide {
		return false
	}
	if onlyHeadings(chunk) {
		return true
	}
	if float64(have) > small*float64(aim) && float64(more) > small*float64(aim) {
		return false
	}
	return related(chunk[0].path, next[0].path)
}

func onlyHeadings(chunk []piece) bool {
	for _, p := range chunk {
		if !p.heading {
			return false
		}
	}
	return true
}

// related: one path is the other's parent, or both have the same parent.
func related(a, b []*Mark) bool {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n >= max(len(a), len(b))-1 && n >= min(len(a), len(b))-1
}

// balance cuts a section into chunks of about goal tokens, never above limit by more than a quarter.
func balance(section []piece, goal, limit int) [][]piece {
	var out [][]piece
	var open []piece
	have := 0
	for _, p := range section {
		full := have+p.tokens > limit+limit/4 || have >= goal || have+p.tokens/2 > goal
		if len(open) > 0 && full && !onlyHeadings(open) {
			out, open, have = append(out, open), nil, 0
		}
		open, have = append(open, p), have+p.tokens
	}
	if n := len(out); n > 0 && have+tokens(out[n-1]) <= limit {
		out[n-1] = append(out[n-1], open...)
		return out
	}
	return append(out, open)
}

func tokens(pieces []piece) int {
	n := 0
	for _, p := range pieces {
		n += p.tokens
	}
	return n
}
