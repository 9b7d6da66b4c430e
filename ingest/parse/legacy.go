package parse

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wlynxg/chardet"
)

// An alphabet is what a language is written with besides ASCII in an encoding:
// small letters, the more frequent ones first. Where several explain a text
// equally well, the earlier one is taken.
type alphabet struct{ encoding, letters string }

const cyrillic = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"

// western is for texts of several languages.
const western = "éüäöáíóñèàçêúßåøæõãïîôâùûëìð"

var alphabets = []alphabet{
	{"windows-1252", "üäöß"},             // German
	{"windows-1252", "éèàêçùôîûâëœïüÿæ"}, // French
	{"windows-1252", "óíáéñúü"},          // Spanish
	{"windows-1252", "ãçéáõíóêúâàô"},     // Portuguese
	{"windows-1252", "àèìòùé"},           // Italian
	{"windows-1252", "äöåé"},             // Swedish, Finnish
	{"windows-1252", "øåæé"},             // Danish, Norwegian
	{"windows-1252", "õäüöšž"},           // Estonian
	{"windows-1252", "ðáíöþæéóúý"},       // Icelandic
	{"windows-1252", "àéèíóòçúïü"},       // Catalan
	{"windows-1252", "ëéïóöèü"},          // Dutch
	{"windows-1252", western},
	{"windows-1254", "ıüişğçöâîû"},        // Turkish
	{"windows-1250", "ęąłóśżćńź"},         // Polish
	{"windows-1250", "íáěéřčžšýůúňťďó"},   // Czech
	{"windows-1250", "áíčšžéýúťľďňôäóĺŕ"}, // Slovak
	{"windows-1250", "áéöóőüíúű"},         // Hungarian
	{"windows-1250", "čšžćđ"},             // Croatian, Slovenian
	{"windows-1250", "ăâîşţ"},             // Romanian
	{"iso-8859-2", "ęąłóśżćńź"},
	{"iso-8859-2", "íáěéřčžšýůúňťďó"},
	{"iso-8859-2", "áíčšžéýúťľďňôäóĺŕ"},
	{"iso-8859-2", "áéöóőüíúű"},
	{"iso-8859-2", "čšžćđ"},
	{"windows-1257", "āīēšņūļžķģč"}, // Latvian
	{"windows-1257", "ėųįšūžčąę"},   // Lithuanian
	{"windows-1251", cyrillic},
	{"windows-1251", "оаниівертслкудмпзягьбчихжйцюєщшїф"}, // Ukrainian
	{"koi8-r", cyrillic},
	{"ibm866", cyrillic},
	{"iso-8859-5", cyrillic},
	{"windows-1253", "αοιετσνηυρπκμλςωάίόδγέήχθφύβώξζψϊϋΐΰ"},
	{"windows-1255", "יוהלאםתרשבמנעקדחכפטסגןצזךףץ"},
	{"windows-1256", "البيرنمتوهعدسقفكحجشطصخضءذةثىأئغظزإآؤچپژگًٌٍَُِّْ"},
	{"windows-874", "านรกอเงมยลว่ดท้สตะิัีปบคหจแใพชขโผถไุูื็ธศซึญณฟฐฎฏฆฒฑฌภษ์ำๆ"},
	{"macintosh", "üäöß"},
	{"macintosh", "éèàêçùôîûâëœï"},
	{"macintosh", "óíáéñú"},
}

// signs are what texts hold besides letters.
const signs = "“”‘’„‚–—…«»‹›•§°®©€£\u00A0№™¿¡ºª²³µ·½،؛؟"

// legacySample is how much of a text is looked at to find its encoding.
const legacySample = 16 << 10

// legacy guesses the encoding of text that is not Unicode. East Asian ones
// follow statistics of byte pairs; of the others, the one whose usual letters
// explain the text best is taken.
func legacy(data []byte) string {
	sample := data[:min(len(data), legacySample)]
	if strings.Contains(string(sample), "\x1B$") && clear(sample, "iso-2022-jp") {
		return "iso-2022-jp"
	}
	if guess := chardet.Detect(sample); guess.Confidence > 0.8 {
		if name := eastAsian(guess.Charset); name != "" && len(sample) > 64 && clear(sample, name) {
			return name
		}
	}
	best, top := "windows-1252", -1e9
	for _, a := range alphabets {
		if score := a.score(sample); score > top {
			best, top = a.encoding, score
		}
	}
	for _, name := range []string{"shift_jis", "euc-jp", "gb18030", "big5", "euc-kr"} {
		if score := pairScore(sample, name); score > top {
			best, top = name, score
		}
	}
	return best
}

func eastAsian(charset string) string {
	switch strings.ToLower(charset) {
	case "big5", "euc-kr", "euc-jp", "shift_jis", "gb18030":
		return strings.ToLower(charset)
	case "gb2312", "gbk", "hz-gb-2312":
		return "gb18030"
	case "cp949", "johab":
		return "euc-kr"
	case "cp932", "windows-31j":
		return "shift_jis"
	}
	return ""
}

// clear is true when the sample decodes without a broken character, but for its end.
func clear(sample []byte, name string) bool {
	text := decodeAs(sample, name)
	return strings.Count(text, "\uFFFD") <= 1+len(text)/2000
}

// score is how well an alphabet explains the sample, 1 at best: its frequent
// letters count for it; letters of others, signs inside words and capitals after small letters against it.
func (a alphabet) score(sample []byte) float64 {
	weight := map[rune]float64{}
	letters := []rune(a.letters)
	for i, r := range letters {
		weight[r] = 1 - 0.5*float64(i)/float64(len(letters))
	}
	latin := unicode.Is(unicode.Latin, letters[0])
	var sum, n float64
	var last rune
	for _, r := range decodeAs(sample, a.encoding) {
		if r >= 0x80 {
			n++
			w, usual := weight[unicode.ToLower(r)]
			switch {
			case r == utf8.RuneError || unicode.IsControl(r):
				sum -= 5
			case !usual && strings.ContainsRune(signs, r) && !unicode.IsLetter(last):
				sum += 0.5
			case !usual, unicode.IsUpper(r) && unicode.IsLower(last), !latin && last < 0x80 && unicode.IsLetter(last):
				sum--
			default:
				sum += w
			}
		}
		last = r
	}
	if n == 0 {
		return 0
	}
	if a.letters == western {
		sum -= 0.2 * n
	}
	return sum / n
}

// pairScore is how well an East Asian encoding explains the sample, 1 at best:
// its characters stand next to each other and are common ones.
func pairScore(sample []byte, name string) float64 {
	var sum, n float64
	var last rune
	for _, r := range decodeAs(sample, name) {
		if r >= 0x80 {
			n++
			switch {
			case r == utf8.RuneError || unicode.Is(unicode.Co, r) || unicode.IsControl(r):
				sum -= 5
			case last < 0x80 && unicode.IsLetter(last):
				sum--
			case unicode.In(r, unicode.Hiragana, unicode.Katakana) && (r < 0xFF61 || r > 0xFF9F):
				sum++
			case unicode.Is(unicode.Hangul, r) && common(r, name):
				sum++
			case unicode.Is(unicode.Han, r) && common(r, name):
				sum += 0.9
			case r >= 0x3000 && r <= 0x303F, r >= 0xFF01 && r <= 0xFF5E:
				sum += 0.5
			}
		} else if last >= 0x80 && unicode.IsLetter(r) {
			sum--
		}
		last = r
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// common is true in the part of a character set that holds its frequent characters.
func common(r rune, name string) bool {
	b, err := lookup(name).NewEncoder().Bytes([]byte(string(r)))
	if err != nil || len(b) != 2 {
		return false
	}
	switch name {
	case "gb18030":
		return b[0] >= 0xB0 && b[0] <= 0xD7 && b[1] >= 0xA1
	case "big5":
		return b[0] >= 0xA4 && b[0] <= 0xC6
	case "euc-jp":
		return b[0] >= 0xB0 && b[0] <= 0xCF
	case "shift_jis":
		return b[0] >= 0x88 && b[0] <= 0x97
	}
	return unicode.Is(unicode.Hangul, r) && b[0] >= 0xB0 && b[0] <= 0xC8 && b[1] >= 0xA1
}
