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

// takenApart reads a message in the child, with what is attached as files.
func takenApart(t *testing.T, name string, data []byte, change ...func(*parse.Limits)) parse.Text {
	t.Helper()
	r := runner("child", limits())
	for _, f := range change {
		f(&r.Limits)
	}
	text, err := r.TakeApart(t.Context(), name, "", file(t, data))
	require.NoError(t, err)
	return text
}

func attachedNames(text parse.Text) (names []string) {
	for _, a := range text.Attached {
		names = append(names, a.Name)
	}
	return names
}

// parcel is a message with parts after its text; each is its header lines, an empty line, and its body.
func parcel(parts ...string) []byte {
	lines := []string{"From: a@example.org", "Subject: Rates", "MIME-Version: 1.0", `Content-Type: multipart/mixed; boundary="out"`, "",
		"--out", "Content-Type: text/html", "", `<p>The rates are attached. <img src="cid:logo@x"></p>`}
	for _, p := range parts {
		lines = append(lines, "--out", p)
	}
	return eml(append(lines, "--out--", "")...)
}

func attach(name, body string) string {
	return strings.Join([]string{"Content-Type: application/octet-stream", `Content-Disposition: attachment; filename="` + name + `"`, "", body}, "\r\n")
}

func TestAttachmentsAreTakenOut(t *testing.T) {
	t.Parallel()
	inner := "From: c@example.org\r\nTo: j@example.org\r\nSubject: Re: 24/7 rates\r\n\r\nAgreed."
	text := takenApart(t, "a.eml", parcel(
		attach("rates.csv", "City,Night\r\nHamburg,165"), attach(`C:\docs\rates.csv`, "City,Night\r\nBonn,90"), attach("../..", "x"),
		"Content-Type: text/csv; charset=iso-8859-1\r\nContent-Disposition: attachment; filename=\"=?utf-8?q?K=C3=B6ln=E2=80=AEvsc?=.csv\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"+base64.StdEncoding.EncodeToString([]byte("K\xf6ln")),
		"Content-Type: image/png\r\nContent-Id: <logo@x>\r\nContent-Disposition: attachment; filename=\"logo.png\"\r\n\r\nx",
		"Content-Type: image/png\r\nContent-Disposition: attachment; filename=\"plan.png\"\r\n\r\ny",
		"Content-Type: application/pdf; name=broken.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
		"Content-Type: message/rfc822\r\n\r\n"+inner,
	))
	require.Equal(t, []string{"rates.csv", "rates (2).csv", "attachment", "Kölnvsc.csv", "plan.png", "Re: 24_7 rates.eml"}, attachedNames(text))
	require.Equal(t, "City,Night\r\nBonn,90", string(text.Attached[1].Data))
	require.Equal(t, "Köln", string(text.Attached[3].Data), "what the message says of its encoding is lost with it")
	require.Equal(t, "text/csv", text.Attached[3].MediaType)
	require.Equal(t, inner, string(text.Attached[5].Data))
	require.Contains(t, text.Body, "The rates are attached.")
	require.NotContains(t, text.Body, "Hamburg", "what is attached is not read twice")
	require.NotContains(t, text.Body, "logo.png", "the message shows it")
	require.Contains(t, text.Body, "Attachment: rates (2).csv\n")
	require.Contains(t, text.Body, "Attachment: broken.pdf (left out: it is broken)\n")
}

func TestTooManyAndTooLargeAttachmentsAreNamed(t *testing.T) {
	t.Parallel()
	data := parcel(attach("a.txt", "aaaa"), attach("b.txt", strings.Repeat("b", 100)), attach("c.txt", "cccc"), attach("d.txt", "dddd"))
	text := takenApart(t, "a.eml", data, func(l *parse.Limits) { l.Attachments, l.AttachedBytes = 2, 50 })
	require.Equal(t, []string{"a.txt", "c.txt"}, attachedNames(text))
	require.Contains(t, text.Body, "Attachment: b.txt (left out: it is too large)\n")
	require.Contains(t, text.Body, "Attachment: d.txt (left out: there are too many)")
}

// TestAMessageInOutlooksFileIsAMessage gives the message in a message bytes of its own, the same each time.
func TestAMessageInOutlooksFileIsAMessage(t *testing.T) {
	t.Parallel()
	in := "__attach_version1.0_#1/__substg1.0_3701000D/"
	data := parsetest.Compound(map[string][]byte{
		"__properties_version1.0":                                               make([]byte, 64),
		"__substg1.0_0037001F":                                                  parsetest.WideText("Hotel rates"),
		"__substg1.0_1000001F":                                                  parsetest.WideText("The rates are attached."),
		"__attach_version1.0_#0/__substg1.0_3707001F":                           parsetest.WideText("rates.csv"),
		"__attach_version1.0_#0/__substg1.0_37010102":                           []byte("City,Night\nHamburg,165\n"),
		in + "__substg1.0_0037001F":                                             parsetest.WideText("Re: räte/s"),
		in + "__substg1.0_0C1A001F":                                             parsetest.WideText("Jürgen"),
		in + "__substg1.0_1000001F":                                             parsetest.WideText("--mail_groundwork--\r\nAgreed ☸."),
		in + "__attach_version1.0_#0/__substg1.0_3707001F":                      parsetest.WideText("bonn.csv"),
		in + "__attach_version1.0_#0/__substg1.0_37010102":                      []byte("City,Night\nBonn,90\n"),
		in + "__attach_version1.0_#1/__substg1.0_3701000D/__substg1.0_1000001F": parsetest.WideText("innermost"),
	})
	text := takenApart(t, "a.msg", data)
	require.Equal(t, []string{"rates.csv", "Re: räte_s.eml"}, attachedNames(text))
	require.Equal(t, "City,Night\nHamburg,165\n", string(text.Attached[0].Data))
	require.Equal(t, text.Attached[1].Data, takenApart(t, "a.msg", data).Attached[1].Data)

	inner := takenApart(t, text.Attached[1].Name, text.Attached[1].Data)
	require.Equal(t, []string{"bonn.csv", "message.eml"}, attachedNames(inner))
	require.Equal(t, "City,Night\nBonn,90\n", string(inner.Attached[0].Data))
	require.Contains(t, inner.Body, "Subject: Re: räte/s\nFrom: Jürgen\n\n--mail_groundwork--\nAgreed ☸.")
	require.Contains(t, takenApart(t, "message.eml", inner.Attached[1].Data).Body, "innermost")
}
