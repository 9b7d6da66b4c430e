package parse

import (
	"bytes"
	"encoding/binary"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode/utf32"
)

// decode makes UTF-8 of text in any encoding: byte-order mark first, then
// UTF-16 and UTF-32 without one, UTF-8, the declared charset, and what the
// bytes look like.
func decode(data []byte, mediaType string) string {
	if name, rest := byMark(data); rest != nil {
		return decodeAs(rest, name)
	}
	if name := wide(data); name != "" {
		return decodeAs(data, name)
	}
	if utf8.Valid(trimRune(data)) && !bytes.Contains(data, []byte("\x1B$")) {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	if nearlyUTF8(data) {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	if name := declaredCharset(mediaType); name != "" && name != "utf-8" {
		return decodeAs(data, name)
	}
	return decodeAs(data, legacy(data))
}

var marks = []struct{ name, bytes string }{
	{"utf-8", "\xEF\xBB\xBF"},
	{"utf-32le", "\xFF\xFE\x00\x00"},
	{"utf-32be", "\x00\x00\xFE\xFF"},
	{"utf-16le", "\xFF\xFE"},
	{"utf-16be", "\xFE\xFF"},
}

// byMark gives the encoding that a byte-order mark names, and what follows it;
// rest is nil without a mark.
func byMark(data []byte) (name string, rest []byte) {
	for _, m := range marks {
		if bytes.HasPrefix(data, []byte(m.bytes)) {
			return m.name, data[len(m.bytes):]
		}
	}
	return "", nil
}

// wide recognises UTF-16 and UTF-32 without a byte-order mark; "" is neither.
func wide(data []byte) string {
	sample := data[:min(len(data), headSize)&^3]
	if len(sample) >= 8 && bytes.IndexByte(sample, 0) >= 0 {
		for _, name := range []string{"utf-32le", "utf-32be"} {
			if valid32(sample, name == "utf-32be") {
				return name
			}
		}
	}
	even := data[:min(len(data), headSize)&^1]
	if len(even) < 4 {
		return ""
	}
	var zeros [2]int
	for i, c := range even {
		if c == 0 {
			zeros[i&1]++
		}
	}
	switch half := len(even) / 2; {
	case zeros[0]+zeros[1] == 0:
		return wideEastAsian(even)
	case zeros[1] > 4*zeros[0] && zeros[1]*50 >= half && readable(decodeAs(even, "utf-16le")):
		return "utf-16le"
	case zeros[0] > 4*zeros[1] && zeros[0]*50 >= half && readable(decodeAs(even, "utf-16be")):
		return "utf-16be"
	}
	return ""
}

// wideEastAsian recognises UTF-16 that has no zero bytes, since it has no
// ASCII: by control bytes, which no other text has, and by kana, Hangul or
// East Asian punctuation, which pairs of other bytes hardly ever make.
func wideEastAsian(b []byte) string {
	if !bytes.ContainsFunc(b, func(r rune) bool { return r < 0x09 }) {
		return ""
	}
	for _, name := range []string{"utf-16le", "utf-16be"} {
		text := decodeAs(b, name)
		sure, all := 0, 0
		for _, r := range text {
			all++
			if unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r >= 0x3000 && r <= 0x303F {
				sure++
			} else if !unicode.Is(unicode.Han, r) && (r < 0xFF01 || r > 0xFFEE) && !unicode.IsSpace(r) {
				all += 10
			}
		}
		if sure*20 >= all && readable(text) {
			return name
		}
	}
	return ""
}

func valid32(b []byte, big bool) bool {
	for i := 0; i+4 <= len(b); i += 4 {
		u := binary.LittleEndian.Uint32(b[i:])
		if big {
			u = binary.BigEndian.Uint32(b[i:])
		}
		if u == 0 || u > unicode.MaxRune || !utf8.ValidRune(rune(u)) {
			return false
		}
	}
	return true
}

// readable is true when hardly any character is a control, unassigned or broken.
func readable(s string) bool {
	bad, all := 0, 0
	for _, r := range s {
		all++
		if r == utf8.RuneError || !unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != '\uFEFF' {
			bad++
		}
	}
	return bad*50 <= all
}

// nearlyUTF8 is true for UTF-8 with a few broken bytes: at least 4 good
// sequences for each broken byte, which other encodings hardly make by chance.
func nearlyUTF8(data []byte) bool {
	good, bad := 0, 0
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		i += n
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
	}
	return good > 0 && good >= 4*bad
}

func declaredCharset(mediaType string) string {
	_, params, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return ""
	}
	e, err := htmlindex.Get(params["charset"])
	if err != nil {
		return ""
	}
	name, err := htmlindex.Name(e)
	if err != nil || name == "replacement" {
		return ""
	}
	return name
}

func lookup(name string) encoding.Encoding {
	switch name {
	case "utf-32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return encoding.Replacement
	}
	return e
}

// decodeAs never fails: what is broken becomes U+FFFD.
func decodeAs(data []byte, name string) string {
	if name == "utf-8" {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	out, err := lookup(name).NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return string(out)
}
