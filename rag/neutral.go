package rag

import "strings"

// neutral makes what a model writes harmless to whoever renders it as Markdown
// or HTML: document text may have told the model to write a picture whose
// address carries the question away, or a link that lies. A space is put into
// what would come alive, so that a reader still sees all of it:
//
//	![  ](  ]:  <tag  ://  www.   become   ! [  ] (  ] :  < tag  : //  www .
//
// Links over http to an allowed host stay. Text may come in pieces; a piece
// that could be the start of something is held back.
type neutral struct {
	hosts []string // *.example.com allows what is below example.com
	held  string
}

// maxAddress is how much of an address is waited for, in bytes; host names end before (RFC 1035).
const maxAddress = 300

// write returns what may go out now.
func (n *neutral) write(delta string) string { return n.run(delta, false) }

// close returns what was held back.
func (n *neutral) close() string { return n.run("", true) }

func (n *neutral) run(delta string, last bool) string {
	text := n.held + delta
	var out strings.Builder
	at := 0
	for at < len(text) {
		dead, size, decided := n.look(text[at:], last)
		if !decided {
			break
		}
		out.WriteString(dead)
		at += size
	}
	n.held = strings.Clone(text[at:])
	return out.String()
}

// look decides about the start of s: what goes out for its first size bytes. It
// is undecided when more text could change that.
func (n *neutral) look(s string, last bool) (dead string, size int, decided bool) {
	opens := len(s) > 1
	switch {
	case (s[0] == '!' || s[0] == ']' || s[0] == '<') && !opens && !last:
		return "", 0, false
	case strings.HasPrefix(s, "!["):
		return "! ", 1, true
	case strings.HasPrefix(s, "]("):
		return n.unless(s, 2, 1, last)
	case strings.HasPrefix(s, "]:"):
		return "] ", 1, true
	case s[0] == '<' && opens && opensTag(s[1]):
		return "< ", 1, true
	case !last && (begins("://", s) || begins("www.", s)):
		return "", 0, false
	case strings.HasPrefix(s, "://"):
		return n.unless(s, 0, 1, last)
	case len(s) >= 4 && strings.EqualFold(s[:4], "www."):
		return n.unless(s, 0, 3, last)
	}
	return s[:1], 1, true
}

// unless passes the address that begins at s[skip:] when its host is allowed,
// and else puts a space behind s[:cut].
func (n *neutral) unless(s string, skip, cut int, last bool) (string, int, bool) {
	refuse := func() (string, int, bool) { return s[:cut] + " ", cut, true }
	if len(n.hosts) == 0 {
		return refuse()
	}
	lower := strings.ToLower(s[:min(len(s), maxAddress)])
	at := skip
	for _, scheme := range []string{"https", "http"} {
		switch rest := lower[skip:]; {
		case skip == 0: // what stands before :// is out already
		case strings.HasPrefix(rest, scheme+"://"):
			at = skip + len(scheme)
		case !last && begins(scheme+"://", rest):
			return "", 0, false
		}
	}
	colon := strings.HasPrefix(lower[at:], "://")
	if skip > 0 && !colon {
		return refuse()
	}
	if colon {
		at += 3
	}
	host := lower[at:]
	end := strings.IndexFunc(host, func(r rune) bool { return !hostRune(r) })
	if end < 0 {
		end = len(host)
	}
	after := host[end:]
	if port, ok := strings.CutPrefix(after, ":"); ok {
		after = strings.TrimLeft(port, "0123456789")
	}
	if after == "" && !last && len(lower) < maxAddress {
		return "", 0, false
	}
	if !n.allowed(strings.TrimSuffix(host[:end], ".")) || !ends(after, skip > 0) {
		return refuse()
	}
	size := len(lower) - len(after)
	return s[:size], size, true
}

// ends tells whether what follows a host cannot belong to it: in
// allowed.example:1@evil.example and allowed.example)evil.example it does.
func ends(after string, link bool) bool {
	return after == "" || strings.IndexByte("/?#>\" \t\n\r", after[0]) >= 0 || link && after[0] == ')'
}

// begins tells whether s is the beginning of word and no more.
func begins(word, s string) bool { return len(s) < len(word) && strings.EqualFold(word[:len(s)], s) }

func (n *neutral) allowed(host string) bool {
	for _, h := range n.hosts {
		h = strings.ToLower(h)
		if below, many := strings.CutPrefix(h, "*"); host == h || many && strings.HasSuffix(host, below) && len(host) > len(below) {
			return true
		}
	}
	return false
}

func hostRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-'
}

// opensTag: what makes a tag, a comment or an address of what follows a "<" (HTML standard, 13.2.5.6).
func opensTag(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '/' || c == '!' || c == '?'
}
