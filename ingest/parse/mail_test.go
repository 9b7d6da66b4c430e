package parse_test

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
	"groundwork/ingest/parse/parsetest"
)

// eml joins lines as mail has them.
func eml(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n")) }

func TestGoldenEML(t *testing.T) {
	t.Parallel()
	b64 := func(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
	sheet := "City,Night\nHamburg,165\nBonn,90\n"
	word := docx(t, `<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>Rates</w:t></w:r></w:p><w:p><w:r><w:t>See below.</w:t></w:r></w:p>`, nil)
	data := eml("Received: from somewhere", "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>", "To: Ada <ada@example.org>,", "\tbob@example.org",
		"Subject: =?utf-8?b?"+b64([]byte("Hotel rates ☸"))+"?=", "Date: Fri, 16 Dec 2022 17:04:16 -0500", "MIME-Version: 1.0",
		`Content-Type: multipart/mixed; boundary="out"`, "", "preamble",
		"--out", `Content-Type: multipart/alternative; boundary=in`, "",
		"--in", "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", "", "The rates of K=F6ln are attached.", "They hold=", " from May.",
		"--in", "Content-Type: text/html", "", "<p>The rates of Cologne are attached. They hold from May.</p>", "--in--",
		"--out", "Content-Type: application/octet-stream", `Content-Disposition: attachment; filename="rates.csv"`, "Content-Transfer-Encoding: base64", "", b64([]byte(sheet)),
		"--out", `Content-Type: application/vnd.openxmlformats-officedocument.wordprocessingml.document; name="rates.docx"`, "Content-Transfer-Encoding: base64", "", b64(word),
		"--out", "Content-Type: image/png", `Content-Disposition: attachment; filename="plan.png"`, "Content-Transfer-Encoding: base64", "", b64([]byte("\x89PNG\r\n\x1a\n\x00\x00")),
		"--out", "Content-Type: image/png", `Content-Disposition: inline; filename="logo.png"`, "", "x",
		"--out", "Content-Type: message/rfc822", "", "From: c@example.org", "To: j@example.org", "Subject: Re: rates", "", "Agreed.",
		"--out--", "")
	golden(t, "rates.eml", read(t, "rates.eml", "", data))
}

func TestAPageSaysMoreThanTheNoteBesideIt(t *testing.T) {
	t.Parallel()
	data := eml("From: a@b", "Subject: x", "MIME-Version: 1.0", "Content-Type: multipart/alternative; boundary=b", "",
		"--b", "", "Open this in a browser.", "--b", "Content-Type: text/html", "",
		"<html><h1>News</h1><p>"+strings.Repeat("All that is new. ", 10)+"</p></html>", "--b--")
	text := read(t, "", "", data)
	require.Contains(t, text.Body, "All that is new.")
	require.NotContains(t, text.Body, "browser")
}

func TestAnEncryptedMessageIsRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{`multipart/encrypted; boundary=b`, "application/pkcs7-mime; smime-type=enveloped-data"} {
		_, err := parse.Document(t.Context(), eml("From: a@b", "Subject: x", "MIME-Version: 1.0", "Content-Type: "+kind, "", "--b", "", "x", "--b--"), "a.eml", "", parse.Options{Limits: limits()})
		require.Equal(t, parse.CodeEncrypted, codeOf(t, err), kind)
	}
}

func TestMessagesInMessagesEndSomewhere(t *testing.T) {
	t.Parallel()
	data := eml("From: a@b", "Subject: innermost", "", "the end")
	for range 10 {
		data = eml("From: a@b", "Subject: outer", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b", "",
			"--b", "", "text", "--b", "Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "", base64.StdEncoding.EncodeToString(data), "--b--")
	}
	text := read(t, "a.eml", "", data)
	require.Equal(t, 4, strings.Count(text.Body, "Subject: outer"))
	require.Contains(t, text.Body, "(not read)")
}

func TestGoldenMSG(t *testing.T) {
	t.Parallel()
	date := make([]byte, 32+16)
	binary.LittleEndian.PutUint32(date[32:], 0x00390040)
	binary.LittleEndian.PutUint64(date[40:], 133500000000000000)
	data := parsetest.Compound(map[string][]byte{
		"__properties_version1.0":                     date,
		"__substg1.0_0037001F":                        parsetest.WideText("Hotel rates"),
		"__substg1.0_0C1A001F":                        parsetest.WideText("Jürgen"),
		"__substg1.0_5D01001F":                        parsetest.WideText("j@example.org"),
		"__substg1.0_0E04001E":                        []byte("Ada K\xF6nig"),
		"__substg1.0_1000001F":                        parsetest.WideText("The rates are attached.\r\nThey hold from May."),
		"__nameid_version1.0/x":                       []byte("x"),
		"__recip_version1.0_#0/x":                     []byte("x"),
		"__attach_version1.0_#0/__substg1.0_3707001F": parsetest.WideText("rates.csv"),
		"__attach_version1.0_#0/__substg1.0_37010102": []byte("City,Night\nHamburg,165\n"),
		"__attach_version1.0_#1/__substg1.0_3701000D/__substg1.0_0037001F": parsetest.WideText("Re: rates"),
		"__attach_version1.0_#1/__substg1.0_3701000D/__substg1.0_1000001F": parsetest.WideText("Agreed."),
	})
	golden(t, "rates.msg", read(t, "rates.msg", "", data))
}
