package rag

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// neutralised is text that came in random pieces.
func neutralised(text string, hosts ...string) string {
	n := neutral{hosts: hosts}
	var out strings.Builder
	for rest := text; rest != ""; {
		size := 1 + rand.IntN(min(len(rest), 9))
		out.WriteString(n.write(rest[:size]))
		rest = rest[size:]
	}
	out.WriteString(n.close())
	return out.String()
}

func TestOutputIsNeutral(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"You get 10 days [see below]: 5 < 7, a <b, x<3!": "You get 10 days [see below] : 5 < 7, a < b, x<3!",
		"![x](https://evil.example/?q=1)":                "! [x] (https: //evil.example/?q=1)",
		"[leave](https://evil.example/)":                 "[leave] (https: //evil.example/)",
		"[a]: javascript:alert(1)":                       "[a] : javascript:alert(1)",
		"<img src=//evil.example/x>":                     "< img src=//evil.example/x>",
		"</b><!-- --><?php":                              "< /b>< !-- -->< ?php",
		"<https://evil.example>":                         "< https: //evil.example>",
		"WWW.evil.example and www.evil.example":          "WWW .evil.example and www .evil.example",
		"ends with ! and ] and < and : and www":          "ends with ! and ] and < and : and www",
	} {
		require.Equal(t, want, neutralised(text))
	}
}

func TestLinksToAllowedHostsStay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[form](https://docs.example/leave) and https://docs.example:8443/x": "[form](https://docs.example/leave) and https://docs.example:8443/x",
		"[form](https://docs.example)":                                       "[form](https://docs.example)",
		"[form](HTTPS://a.wiki.example/x)":                                   "[form](HTTPS://a.wiki.example/x)",
		"https://docs.example. Next":                                         "https://docs.example. Next",
		"at https://docs.example":                                            "at https://docs.example",
		"www.docs.example/x":                                                 "www .docs.example/x",
		"![pic](https://docs.example/x.png)":                                 "! [pic](https://docs.example/x.png)",
		"https://docs.example.evil.example/":                                 "https: //docs.example.evil.example/",
		"https://docs.example@evil.example/":                                 "https: //docs.example@evil.example/",
		"https://docs.example:1@evil.example/":                               "https: //docs.example:1@evil.example/",
		"https://docs.example%2eevil.example/":                               "https: //docs.example%2eevil.example/",
		"https://docs.example。evil.example/":                                 "https: //docs.example。evil.example/",
		"https://docs.example)evil.example/":                                 "https: //docs.example)evil.example/",
		"https://wiki.example/ https://xwiki.example/":                       "https: //wiki.example/ https: //xwiki.example/",
		"[x](javascript://docs.example/%0aalert)":                            "[x] (javascript://docs.example/%0aalert)",
	} {
		require.Equal(t, want, neutralised(text, "Docs.example", "*.wiki.example"))
	}
}

// live is what comes alive in Markdown or HTML.
var live = regexp.MustCompile(`(?i)!\[|\]\(|\]:|<[a-z/!?]|://|www\.`)

func TestHostileOutput(t *testing.T) {
	t.Parallel()
	parts := []string{"![", "]", "(", "](", "]:", "<", "img", "a", "/", "!", "?", "http", "https", ":", "//", "://", "www", "w", ".", "evil.example", "[", "[1]", " ", "\n", "script", "java", "é", "data:", ">"}
	for range 3000 {
		var text strings.Builder
		for range 1 + rand.IntN(40) {
			text.WriteString(parts[rand.IntN(len(parts))])
		}
		for _, hosts := range [][]string{nil, {"docs.example"}} {
			got := neutralised(text.String(), hosts...)
			require.NotRegexp(t, live, got, "%q", text.String())
			require.Equal(t, strings.ReplaceAll(text.String(), " ", ""), strings.ReplaceAll(got, " ", ""), "nothing is lost")
			require.Equal(t, got, neutralised(got, hosts...), "twice is once")
		}
	}
}
