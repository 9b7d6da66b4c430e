package parse_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode/utf32"

	"groundwork/ingest/parse"
)

// read parses plain text in this process.
func read(t *testing.T, name, mediaType string, data []byte) parse.Text {
	t.Helper()
	text, err := parse.Document(t.Context(), data, name, mediaType, parse.Options{Limits: limits()})
	require.NoError(t, err)
	requireMarks(t, text)
	return text
}

// declarations is the first article of human rights by language.
func declarations(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(data(t, "formats/txt/UDHR_first_article_all.txt"))
	require.NoError(t, err)
	out := map[string]string{}
	lines := strings.Split(string(raw), "\n")
	for i := 0; i+1 < len(lines); i++ {
		if lines[i] != "" && (i == 0 || lines[i-1] == "") {
			out[strings.TrimSpace(lines[i])] = lines[i+1]
		}
	}
	return out
}

// TestDecodesLegacyEncodings guesses the encoding of one sentence or two.
func TestDecodesLegacyEncodings(t *testing.T) {
	t.Parallel()
	texts := declarations(t)
	for encoding, languages := range map[string][]string{
		"windows-1252": {"German, Standard (1996)", "French", "Swedish", "Danish", "Spanish", "Portuguese (Portugal)", "Icelandic", "Finnish", "Norwegian, Bokmål", "Italian", "Estonian"},
		"windows-1254": {"Turkish"},
		"windows-1250": {"Polish", "Czech", "Hungarian", "Slovak", "Croatian", "Slovenian"},
		"iso-8859-2":   {"Polish", "Czech", "Hungarian", "Slovak"},
		"windows-1257": {"Latvian", "Lithuanian"},
		"windows-1251": {"Russian", "Bulgarian", "Ukrainian"},
		"koi8-r":       {"Russian"},
		"ibm866":       {"Russian"},
		"iso-8859-5":   {"Russian", "Bulgarian"},
		"windows-1253": {"Greek (monotonic)"},
		"iso-8859-7":   {"Greek (monotonic)"},
		"windows-1255": {"Hebrew"},
		"windows-1256": {"Arabic, Standard"},
		"windows-874":  {"Thai"},
		"macintosh":    {"German, Standard (1996)", "French"},
		"shift_jis":    {"Japanese"},
		"euc-jp":       {"Japanese"},
		"iso-2022-jp":  {"Japanese"},
		"gb18030":      {"Chinese, Mandarin (Simplified)"},
		"big5":         {"Chinese, Mandarin (Traditional)"},
		"euc-kr":       {"Korean"},
		"utf-16le":     {"German, Standard (1996)", "Russian", "Japanese", "Greek (monotonic)"},
		"utf-16be":     {"German, Standard (1996)", "Russian", "Japanese", "Greek (monotonic)"},
	} {
		e, err := htmlindex.Get(encoding)
		require.NoError(t, err)
		for _, language := range languages {
			want := texts[language]
			require.NotEmpty(t, want, language)
			want = strings.ReplaceAll(want, "\u200B", "")
			raw, err := e.NewEncoder().String(want)
			if err != nil {
				t.Errorf("%s cannot be written in %s", language, encoding)
				continue
			}
			if got := read(t, "a.txt", "", []byte(raw)).Body; got != want {
				t.Errorf("%s in %s:\n got %.150s\nwant %.150s", language, encoding, got, want)
			}
		}
	}
}

func TestDecodesShortTexts(t *testing.T) {
	t.Parallel()
	for encoding, want := range map[string]string{
		"windows-1252": "Größe: 3 m², Preis 15,50 €", "iso-8859-1": "können äöüß", "shift_jis": "名前,年齢,住所\n佐藤太郎,30,東京",
		"windows-1251": "Счёт № 15 от 3 мая", "euc-kr": "이름,나이\n김철수,30",
	} {
		e, err := htmlindex.Get(encoding)
		require.NoError(t, err)
		raw, err := e.NewEncoder().String(want)
		require.NoError(t, err)
		require.Equal(t, want, read(t, "a.txt", "", []byte(raw)).Body, encoding)
	}
}

func TestFollowsMarksAndDeclaredCharsets(t *testing.T) {
	t.Parallel()
	const want = "naïve – ñandú"
	wide, err := utf32.UTF32(utf32.BigEndian, utf32.UseBOM).NewEncoder().String(want)
	require.NoError(t, err)
	bare, err := utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM).NewEncoder().String(want)
	require.NoError(t, err)
	for name, c := range map[string]struct{ mediaType, raw string }{
		"UTF-8 mark":                   {"", "\uFEFF" + want},
		"UTF-32 mark":                  {"", wide},
		"UTF-32 without a mark":        {"", bare},
		"declared":                     {"text/plain; charset=iso-8859-15", "na\xEFve \x2D \xF1and\xFA"},
		"declared wrongly as UTF-8":    {"text/plain; charset=utf-8", "na\xEFve \x96 \xF1and\xFA"},
		"declared wrongly as Latin-1":  {"text/plain; charset=iso-8859-1", want},
		"declared as nothing we know":  {"text/plain; charset=klingon", want},
		"the mark beats what was said": {"text/plain; charset=utf-16", "\uFEFF" + want},
	} {
		got := read(t, "a.txt", c.mediaType, []byte(c.raw)).Body
		require.Equal(t, want, strings.ReplaceAll(got, " - ", " – "), name)
	}
}

func TestKeepsUTF8WithABrokenByte(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("Grüße aus Köln ", 20)
	require.Equal(t, text+"\uFFFD!", read(t, "a.txt", "", []byte(text+"\xFF!")).Body)
}
