package parse

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wlynxg/chardet"
)

// An alphabet is what text in an encoding is usually written with, besides
// ASCII. Where several fit equally well, the earlier one is taken.
type alphabet struct{ encoding, letters string }

const quotes = "“”‘’„‚–—…«»‹›•§°©®€£\u00A0№™"

var alphabets = []alphabet{
	{"windows-1252", "äöüßéèêëàâçùûîïôœæøåñáíóúãõìòÄÖÜÉÈÀÇØÅÆÑÁÍÓÚ¿¡ºª²³µ·½" + quotes},
	{"windows-1254", "çğıöşüâîûÇĞİÖŞÜ" + quotes},
	{"windows-1250", "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉÍŇŘŠŤÚŮÝŽäöüőűÄÖÜŐŰăâîșţşţđĐß" + quotes},
	{"iso-8859-2", "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉÍŇŘŠŤÚŮÝŽäöüőűÄÖÜŐŰăâîşţđĐß§°\u00A0"},
	{"windows-1257", "āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽąčęėįšųūžĄČĘĖĮŠŲŪäöüõÄÖÜÕ" + quotes},
	{"windows-1251", "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁІЇЄҐ" + quotes},
	{"koi8-r", "абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ"},
	{"ibm866", "абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ"},
	{"iso-8859-5", "абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ"},
	{"windows-1253", "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏ" + quotes},
	{"windows-1255", "אבגדהוזחטיךכלםמןנסעףפץצקרשתְֱֲֳִֵֶַָֹֻּ״׳" + quotes},
	{"windows-1256", "ابتثجحخدذرزسشصضطظعغفقكلمنهويىءآأؤإئةپچژگًٌٍَُِّْ،؛؟" + quotes},
	{"windows-874", "กขคฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮะัาำิีึืุูเแโใไๅๆ็่้๊๋์" + quotes},
	{"macintosh", "äöüßéèêëàâçùûîïôœæøåñáíóúÄÖÜÉÈÀÇ" + quotes},
}

// legacySample is how much of a text is looked at to find its encoding.
const legacySample = 16 << 10

// legacy guesses the encoding of text that is not Unicode. East Asian ones
// follow statistics of byte pairs; of the others, the one whose usual letters
// explain the text best is taken.
func legacy(data []byte) string {
	sample := data[:min(len(data), legacySample)]
	if guess := chardet.Detect(sample); guess.Confidence > 0.8 || strings.Contains(string(sample), "\x1B$") {
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
	case "big5", "euc-kr", "euc-jp", "shift_jis", "gb18030", "iso-2022-jp":
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

// score is how well an alphabet explains the sample, 1 at best: usual letters
// count for it; unusual ones, symbols inside words and capitals after small letters against it.
func (a alphabet) score(sample []byte) float64 {
	usual := map[rune]bool{}
	for _, r := range a.letters {
		usual[r] = true
	}
	var sum, n float64
	var last rune
	for _, r := range decodeAs(sample, a.encoding) {
		if r >= 0x80 {
			n++
			switch {
			case r == utf8.RuneError || unicode.IsControl(r):
				sum -= 5
			case !usual[r]:
				sum--
			case unicode.IsUpper(r) && unicode.IsLower(last):
				sum--
			case unicode.IsLetter(r):
				sum++
			default:
				sum += 0.5
			}
		}
		last = r
	}
	if n == 0 {
		return 0
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
			case unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Hangul) && (r < 0xFF61 || r > 0xFF9F):
				sum++
			case unicode.Is(unicode.Han, r) && commonHan(r, name):
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

// commonHan is true in the part of a character set that holds its frequent characters.
func commonHan(r rune, name string) bool {
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
	return false // Korean is written in Hangul
}
