package parse

import (
	"bytes"
	"io"

	"github.com/emersion/go-message"
)

// eml writes a message that lies in a file of Outlook, where it has no bytes of
// its own. The same message gives the same bytes.
func (m *mail) eml() []byte {
	var out bytes.Buffer
	var h message.Header
	for _, f := range []struct{ name, value string }{{"Date", m.date}, {"Subject", m.subject}, {"Cc", m.cc}, {"To", m.to}, {"From", m.from}} {
		if v := oneLine(f.value); v != "" || f.name == "From" || f.name == "Subject" { // two make it a message
			h.SetText(f.name, v)
		}
	}
	h.SetContentType("multipart/mixed", map[string]string{"boundary": "mail_groundwork"}) // all parts are in base64, which has no such line
	if err := m.writeEML(&out, h); err != nil {
		return nil // a buffer takes everything
	}
	return out.Bytes()
}

func (m *mail) writeEML(out io.Writer, h message.Header) error {
	w, err := message.CreateWriter(out, h)
	if err != nil {
		return err
	}
	for _, b := range m.bodies {
		if err := b.writeEML(w); err != nil {
			return err
		}
	}
	for _, a := range m.attachments {
		file := a.file()
		var h message.Header
		h.SetContentType("application/octet-stream", nil)
		if a.message != nil {
			h.SetContentType(file.MediaType, nil)
		}
		h.SetContentDisposition("attachment", map[string]string{"filename": file.Name})
		if err := part(w, h, file.Data); err != nil {
			return err
		}
	}
	return w.Close()
}

func (b mailBody) writeEML(w *message.Writer) error {
	var h message.Header
	h.SetContentType("multipart/alternative", map[string]string{"boundary": "body_groundwork"})
	both, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	for _, kind := range []struct{ mediaType, text string }{{"text/plain", b.plain}, {"text/html", b.html}} {
		var h message.Header
		h.SetContentType(kind.mediaType, map[string]string{"charset": "utf-8"})
		if kind.text == "" {
			continue
		}
		if err := part(both, h, []byte(kind.text)); err != nil {
			return err
		}
	}
	return both.Close()
}

func part(w *message.Writer, h message.Header, data []byte) error {
	h.Set("Content-Transfer-Encoding", "base64")
	p, err := w.CreatePart(h)
	if err == nil {
		_, err = p.Write(data)
	}
	if err == nil {
		err = p.Close()
	}
	return err
}
