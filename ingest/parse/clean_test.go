package parse_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextIsCleaned(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"line ends":                   {"a\r\nb\rc\n\u2028d\fe\u0085f", "a\nb\nc\n\nd\ne\nf"},
		"control characters":          {"a\x01b\x7fc\td\u009be", "abc\tde"},
		"zero width":                  {"pass\u200Bword\u2060\uFEFF", "password"},
		"directions":                  {"\u202Eevil\u202C \u2066x\u2069", "evil x"},
		"tags":                        {"hi\U000E0068\U000E0069!", "hi!"},
		"joiners in Latin":            {"a\u200Cb\u200Dc", "abc"},
		"joiners in Persian":          {"می\u200Cخواهم", "می\u200Cخواهم"},
		"joiners in emoji":            {"👩\u200D💻 ok", "👩\u200D💻 ok"},
		"one selector":                {"☎\uFE0F", "☎\uFE0F"},
		"selectors that hide data":    {"x☎\uFE0F\U000E0101\U000E0102", "x☎\uFE0F"},
		"soft hyphens are the text's": {"so\u00ADft", "so\u00ADft"},
		"not characters":              {"a\uFFFEb\uFDD0c", "abc"},
	} {
		require.Equal(t, c.want, read(t, "a.txt", "", []byte(c.in)).Body, name)
	}
}
