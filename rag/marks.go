package rag

import "strings"

// markFilter removes the [n] marks that a model writes: which passage supports
// a sentence is computed and checked by the server, never taken from the model.
// Text may come in pieces; a piece that could be the start of a mark is held back.
type markFilter struct {
	held string
}

// maxMark is the longest text that can still be a mark, such as "[1, 2, 10]".
const maxMark = 24

// write returns what may go out now.
func (f *markFilter) write(delta string) string {
	var out strings.Builder
	f.held += delta
	for f.held != "" {
		open := strings.IndexByte(f.held, '[')
		// White space before a mark goes with it, so it waits too.
		stay := len(strings.TrimRight(f.held, " "))
		if open < 0 {
			f.emit(&out, stay)
			break
		}
		f.emit(&out, len(strings.TrimRight(f.held[:open], " ")))
		open = strings.IndexByte(f.held, '[')
		size, whole := markSize(f.held[open:])
		if !whole && size > 0 {
			break // undecided: wait for more
		}
		if size > 0 {
			f.held = f.held[open+size:]
			continue
		}
		f.emit(&out, open+1)
	}
	return out.String()
}

// close returns what was held back.
func (f *markFilter) close() string {
	held := f.held
	f.held = ""
	return held
}

func (f *markFilter) emit(out *strings.Builder, n int) {
	out.WriteString(f.held[:n])
	f.held = f.held[n:]
}

// markSize is the length of the mark s starts with; whole is false while it
// could still become one. 0 means it is none.
func markSize(s string) (size int, whole bool) {
	digit := false
	for i := 1; i < len(s) && i < maxMark; i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c == ']':
			if !digit {
				return 0, false
			}
			return i + 1, true
		case c != ',' && c != ' ' && c != '-':
			return 0, false
		}
	}
	if len(s) >= maxMark {
		return 0, false
	}
	return len(s), false
}
