package parse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

func book(t testing.TB, more map[string]string) []byte {
	t.Helper()
	parts := map[string]string{
		"mimetype":               "application/epub+zip",
		"META-INF/container.xml": `<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>`,
		"OEBPS/book.opf": `<package xmlns:dc="dc"><metadata><dc:title>A manual</dc:title></metadata><manifest><item id="n" href="nav.xhtml" properties="nav"/>` +
			`<item id="b" href="text/two%20b.xhtml"/><item id="a" href="text/one.xhtml"/><item id="c" href="ad.xhtml"/></manifest>` +
			`<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/><itemref idref="a"/><itemref idref="c" linear="no"/></spine></package>`,
		"OEBPS/nav.xhtml":        `<html><body><h1>Contents</h1></body></html>`,
		"OEBPS/ad.xhtml":         `<html><body>Buy more</body></html>`,
		"OEBPS/text/one.xhtml":   `<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body><h1>Start</h1><p>Größe 12</p></body></html>`,
		"OEBPS/text/two b.xhtml": `<html><body><h2>Care</h2><p>Use water.</p></body></html>`,
	}
	for name, content := range more {
		parts[name] = content
	}
	return zipped(t, parts)
}

func TestGoldenEPUB(t *testing.T) {
	t.Parallel()
	golden(t, "manual.epub", read(t, "manual.epub", "", book(t, nil)))
}

func TestAProtectedBookIsRefused(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]parse.Code{"OEBPS/text/one.xhtml": parse.CodeEncrypted, "OEBPS/font.otf": ""} {
		data := book(t, map[string]string{"META-INF/encryption.xml": `<encryption xmlns:e="e"><e:EncryptedData><e:CipherData><e:CipherReference URI="` + file + `"/></e:CipherData></e:EncryptedData></encryption>`})
		_, err := parse.Document(t.Context(), data, "a.epub", "", parse.Options{Limits: limits()})
		if want == "" {
			require.NoError(t, err)
		} else {
			require.Equal(t, want, codeOf(t, err))
		}
	}
}
