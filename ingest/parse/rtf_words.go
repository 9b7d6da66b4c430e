package parse

import (
	"strconv"
	"strings"
)

// rtfSkipped are groups that hold no text of the document.
var rtfSkipped = map[string]bool{
	"colortbl": true, "pict": true, "object": true, "header": true, "headerl": true, "headerr": true, "headerf": true, "footer": true,
	"footerl": true, "footerr": true, "footerf": true, "fldinst": true, "datafield": true, "themedata": true, "colorschememapping": true,
	"listtable": true, "listoverridetable": true, "rsidtbl": true, "generator": true, "xmlnstbl": true, "latentstyles": true, "datastore": true,
	"annotation": true, "atnid": true, "atnauthor": true, "filetbl": true, "revtbl": true, "nonshppict": true, "txe": true, "xe": true,
	"tc": true, "bkmkstart": true, "bkmkend": true, "objdata": true, "mmathPr": true, "pnseclvl": true,
}

// rtfCharsets are the encodings of fonts, by the numbers that Windows gives them.
var rtfCharsets = map[int]string{
	0: "windows-1252", 77: "macintosh", 128: "shift_jis", 129: "euc-kr", 134: "gb18030", 136: "big5", 161: "windows-1253", 162: "windows-1254",
	163: "windows-1258", 177: "windows-1255", 178: "windows-1256", 186: "windows-1257", 204: "windows-1251", 222: "windows-874", 238: "windows-1250",
}

// codePages are encodings by the numbers of code pages that htmlindex does not name.
var codePages = map[int]string{437: "windows-1252", 850: "windows-1252", 866: "ibm866", 932: "shift_jis", 936: "gb18030", 949: "euc-kr", 950: "big5", 10000: "macintosh", 65001: "utf-8"}

var rtfSigns = map[string]string{
	"tab": "\t", "line": "\n", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•", "endash": "–", "emdash": "—",
	"~": "\u00A0", "_": "-", "emspace": " ", "enspace": " ", "softline": "\n",
}

// control reads what follows a backslash.
func (r *rtf) control() {
	if r.at >= len(r.in) {
		return
	}
	c := r.in[r.at]
	if c|0x20 < 'a' || c|0x20 > 'z' {
		r.at++
		r.symbol(c)
		return
	}
	start := r.at
	for r.at < len(r.in) && r.in[r.at]|0x20 >= 'a' && r.in[r.at]|0x20 <= 'z' {
		r.at++
	}
	word := string(r.in[start:min(r.at, start+32)])
	start = r.at
	if r.at < len(r.in) && r.in[r.at] == '-' {
		r.at++
	}
	for r.at < len(r.in) && r.in[r.at] >= '0' && r.in[r.at] <= '9' {
		r.at++
	}
	n, err := strconv.Atoi(string(r.in[start:min(r.at, start+12)]))
	if err != nil {
		n = -1 // without a number a switch is on
	}
	if r.at < len(r.in) && r.in[r.at] == ' ' {
		r.at++
	}
	fresh := r.state.fresh
	r.state.fresh = false
	if fresh {
		r.destination(word)
	}
	r.word(word, n, n != 0)
}

// symbol is a control word of one sign.
func (r *rtf) symbol(c byte) {
	switch c {
	case '\'':
		n, err := strconv.ParseUint(string(r.in[min(r.at, len(r.in)):min(r.at+2, len(r.in))]), 16, 8)
		r.at = min(r.at+2, len(r.in))
		if err == nil {
			r.char(byte(n))
		}
	case '*':
		r.state.starred = true
		return
	case '\\', '{', '}':
		r.char(c)
	case '\n', '\r':
		r.word("par", -1, true)
	case '~', '_':
		r.flush()
		r.write(rtfSigns[string(c)])
	}
	r.state.fresh = false
}

// destination is the first word of a group, which may say that the group is no text.
func (r *rtf) destination(word string) {
	into := map[string]string{"info": "info", "title": "title", "fonttbl": "fonts", "stylesheet": "styles"}[word]
	switch {
	case rtfSkipped[word]:
		r.state.skip = true
	case word == "title" && r.state.into != "info":
	case into != "":
		r.state.into = into
		r.named.Reset()
	case r.state.starred && word != "shptxt" && word != "shpinst" && r.state.into != "styles":
		r.state.skip = true // a group that older programs must pass over
	}
}

func (r *rtf) word(word string, n int, on bool) {
	if sign := rtfSigns[word]; sign != "" {
		r.flush()
		r.write(sign)
		return
	}
	switch word {
	case "u":
		r.unicode(n)
	case "uc":
		r.state.skipAfter = min(max(n, 0), 16)
	case "bin":
		r.at = min(r.at+max(n, 0), len(r.in))
	case "ansicpg":
		r.state.charset = codePage(n)
		r.charset = r.state.charset
	case "mac":
		r.state.charset, r.charset = "macintosh", "macintosh"
	case "f":
		r.flush()
		r.state.font = n
		if r.state.into == "" {
			r.state.charset = r.fonts[n]
			if r.state.charset == "" {
				r.state.charset = r.charset
			}
		}
	case "fcharset":
		if r.state.into == "fonts" && n != 0 && n != 1 {
			r.fonts[r.state.font] = rtfCharsets[n]
		}
	case "v":
		r.flush()
		r.state.hidden = on
	case "deleted":
		r.flush()
		r.state.deleted = on
	case "fs":
		r.flush()
		r.state.tiny = n >= 0 && n < 4 // half points
	case "plain":
		r.flush()
		r.state.hidden, r.state.deleted, r.state.tiny = false, false, false
	default:
		r.layout(word, n)
	}
}

// layout takes the words that end and shape paragraphs.
func (r *rtf) layout(word string, n int) {
	if r.state.skip || r.state.into != "" && word != "s" {
		return
	}
	switch word {
	case "par", "sect", "page":
		r.paragraph()
	case "pard":
		r.style, r.outline, r.inTable = 0, 0, false
	case "s":
		r.style = n
	case "outlinelevel":
		if r.outline = n + 1; n < 0 || n > 8 {
			r.outline = 0
		}
	case "intbl":
		r.inTable = true
	case "cell", "nestcell":
		r.cell()
	case "row", "nestrow":
		r.row()
	case "footnote":
		r.write(" ")
	}
}

func codePage(n int) string {
	if name := codePages[n]; name != "" {
		return name
	}
	if n >= 1250 && n <= 1258 || n == 874 {
		return "windows-" + strings.TrimPrefix(strconv.Itoa(n), "0")
	}
	return "windows-1252"
}
