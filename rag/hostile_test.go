package rag_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"

	"groundwork/rag"
)

// targets are addresses that must not become alive, and frames the ways to write them.
var (
	targets = []string{
		"https://evil.example/?q=leave", "http://evil.example", "//evil.example/x.png", "www.evil.example/a", "HTTPS://EVIL.EXAMPLE", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
		"data:text/html,<script>alert(1)</script>", "data:image/svg+xml;base64,PHN2Zz4=", "ftp://evil.example/x", "https://docs.example@evil.example/", "https://docs.example.evil.example/",
		"https://docs.example\\@evil.example/", "https&#58;//evil.example", "&#106;avascript:alert(1)", "vbscript:x", "file:///etc/passwd", "https:\\\\evil.example", "https://evil。example/",
	}
	frames = []string{
		"![a](%s)", "![a][r]\n\n[r]: %s", "[a](%s)", "[a](<%s>)", "[a]( %s )", "[a](%s \"t\")", "[a][r]\n\n[r]: %s", "[r]\n\n[r]: <%s> 'x'", "[r][]\n\n  [r]:\n  %s", "<%s>", "%s", "see %s.", "(%s)", "**%s**",
		"[![a](%[1]s)](%[1]s)", "[[a](%s)](x)", "[a\\](%s)", "[a]\\(%s)", "!\\[a](%s)", "[a](\n%s\n)", "![\n](%s)", "`x`![a](%s)", "[`]`](%s)", "> ![a](%s)", "- [a](%s)", "| a |\n|---|\n| ![x](%s) |",
		"# ![a](%s)", "[^1]\n\n[^1]: %s", "<img src=%s>", "<img/src='%s'>", "<a href=\"%s\">x</a>", "<IMG SRC=%s onerror=x>", "<svg/onload=x><a xlink:href='%s'>", "<!-- %s --><img src=%[1]s>", "<iframe src=%s>",
		"<scr<script>ipt src=%s>", "<?x %s?>", "<![CDATA[%s]]>", "</p><style>@import '%s'</style>", "~~~\nx\n~~~\n![a](%s)", "```\n![a](%s)\n```", "    ![a](%s)", "[1]![a](%s)", "![1][a](%s)", "![a][1](%s)", "![a] [1](%s)",
		"&#33;[a](%s)", "&lt;img src=%s&gt;", "!\u200b[a](%s)", "[a]\u200b(%s)", "［a］（%s）", "$\\href{%s}{x}$", "[a]\t(%s)", "![[%s]]", "<a\nhref=%s>x", "<mailto:%s>",
	}
)

func TestNoHostileAnswerComesAlive(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	n := 0
	for _, frame := range frames {
		for _, target := range targets {
			n++
			text := "Annual leave is 30 days. " + fmt.Sprintf(frame, target)
			for _, hosts := range [][]string{nil, {"docs.example", "*.docs.example"}} {
				b := setup(t)
				b.Options.LinkHosts, b.Options.Unsupported = hosts, []rag.Unsupporteds{rag.FlagUnsupported, rag.DropUnsupported}[random.IntN(2)]
				for rest := text; rest != ""; {
					size := 1 + random.IntN(min(len(rest), 7))
					b.model.pieces, rest = append(b.model.pieces, rest[:size]), rest[size:]
				}
				var out stream
				_, err := b.Ask(t.Context(), ask("How much annual leave is there?"), out.emit)
				require.NoError(t, err)
				requireDead(t, out.text(), len(hosts) > 0)
			}
		}
	}
	require.GreaterOrEqual(t, n, 300)
}

// The test can fail: the same as a model wrote it is alive.
func TestHostileAnswersAreAliveUntreated(t *testing.T) {
	t.Parallel()
	alive := 0
	for _, frame := range frames {
		for _, target := range targets {
			if found := alien(t, fmt.Sprintf(frame, target), false); len(found) > 0 {
				alive++
			}
		}
	}
	require.Greater(t, alive, 300)
}

func requireDead(t *testing.T, text string, hosts bool) {
	t.Helper()
	require.Empty(t, alien(t, text, hosts), "%q", text)
}

// alien renders text as Markdown with raw HTML and names the elements that come alive.
// Mail addresses may be links: they carry nothing away by themselves.
func alien(t *testing.T, text string, hosts bool) (found []string) {
	t.Helper()
	var page bytes.Buffer
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList), goldmark.WithRendererOptions(html.WithUnsafe()))
	require.NoError(t, markdown.Convert([]byte(text), &page))
	root, err := nethtml.Parse(&page)
	require.NoError(t, err)
	for n := range root.Descendants() {
		if n.Type != nethtml.ElementNode {
			continue
		}
		switch n.Data {
		case "html", "head", "body", "p", "em", "strong", "del", "code", "pre", "ul", "ol", "li", "blockquote", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6",
			"table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "sup", "div", "input":
			continue
		case "a":
			if address := attribute(n, "href"); mail(address) || hosts && allowed(address) {
				continue
			}
		}
		found = append(found, n.Data+" "+attribute(n, "href")+attribute(n, "src"))
	}
	return found
}

func attribute(n *nethtml.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func mail(address string) bool {
	return strings.HasPrefix(address, "mailto:") && !strings.Contains(address, "?")
}

func allowed(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Host == "docs.example" || strings.HasSuffix(u.Host, ".docs.example"))
}
