package rag

import "strings"

// sieve lets the sentences of an answer through and keeps back those that no
// passage supports. Text may come in pieces; a sentence waits until the next one begins.
type sieve struct {
	m       *matcher // nil lets everything through at once
	held    string
	dropped int
}

// write returns what may go out now.
func (s *sieve) write(delta string) string {
	if s.m == nil {
		return delta
	}
	s.held += delta
	whole := joinOpenings(s.held, sentences(s.held))
	if len(whole) < 2 {
		return ""
	}
	cut := whole[len(whole)-2].end
	out := s.pass(s.held[:cut], whole[:len(whole)-1])
	s.held = s.held[cut:]
	return out
}

// close returns what was held back.
func (s *sieve) close() string {
	out := s.held
	if s.m != nil {
		out = s.pass(s.held, joinOpenings(s.held, sentences(s.held)))
	}
	s.held = ""
	return out
}

// pass is text without its unsupported sentences and the white space before them.
func (s *sieve) pass(text string, whole []span) string {
	var out strings.Builder
	from := 0
	for i, part := range whole {
		to := part.end
		if i == len(whole)-1 {
			to = len(text)
		}
		if s.supports(text[part.start:part.end]) {
			out.WriteString(text[from:to])
		} else {
			s.dropped++
		}
		from = to
	}
	return out.String()
}

// supports: some part of the sentence is supported, at least partly.
func (s *sieve) supports(sentence string) bool {
	parts := halves(sentence, []span{{0, len(sentence)}})
	for _, p := range parts {
		if !says(sentence[p.start:p.end]) {
			return true
		}
		if _, verdict := s.m.support(sentence[p.start:p.end]); verdict != Unsupported {
			return true
		}
	}
	return false
}
