package parse

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// mail is a message, however it is packed. Bodies are what it says, one after
// the other; each may be there in two kinds.
type mail struct {
	subject, from, to, cc, date string
	bodies                      []mailBody
	attachments                 []attachment
}

type mailBody struct{ plain, html string }

type attachment struct {
	name, mediaType string
	data            []byte
	message         *mail  // instead of data
	id              string // by which the message's own pages show it
	broken          bool   // it could not be decoded
}

// nameless is what a message in a message is called that has no file name.
const nameless = "message"

// maxAttachments is how many attachments of a message are read as part of it; the others are named.
const maxAttachments = 50

// text is the message: who wrote to whom and when as one heading, what it
// says, and its attachments, each under a heading of its own. One that cannot be read is named,
// as are all when they are taken out.
func (m *mail) text(ctx context.Context, opt Options) (Text, error) {
	out := body{limit: opt.Limits.Text}
	m.head(&out)
	for _, b := range m.bodies {
		if err := b.write(&out, opt.Limits); err != nil {
			return Text{}, err
		}
	}
	m.attachments = slices.DeleteFunc(m.attachments, m.shows)
	if opt.Enclosed {
		attached := m.takeOut(&out, opt.Limits)
		text, err := out.done(m.subject)
		text.Attached = attached
		return text, err
	}
	for i, a := range m.attachments {
		text, err := Text{}, errors.New("not read")
		if i < maxAttachments && opt.inside < maxInside && !a.broken {
			text, err = enclosed(ctx, a, opt)
		}
		if ctx.Err() != nil {
			return Text{}, ctx.Err()
		}
		title := "Attachment: " + oneLine(a.name)
		if err != nil {
			out.block(title + " (not read)")
			continue
		}
		out.heading(2, title)
		out.append(text, 2)
	}
	return out.done(m.subject)
}

// shows tells whether an attachment is a picture that stands in the message itself.
func (m *mail) shows(a attachment) bool {
	id := strings.Trim(a.id, "<> ")
	return id != "" && slices.ContainsFunc(m.bodies, func(b mailBody) bool { return strings.Contains(b.html, "cid:"+id) })
}

// head writes the fields that a reader sees.
func (m *mail) head(out *body) {
	var lines []string
	for _, f := range []struct{ name, value string }{{"Subject", m.subject}, {"From", m.from}, {"To", m.to}, {"Cc", m.cc}, {"Date", m.date}} {
		if v := oneLine(f.value); v != "" {
			lines = append(lines, f.name+": "+v)
		}
	}
	start, end := out.block(strings.Join(lines, "\n"))
	label := oneLine(strings.TrimRight("Mail from "+m.from+" to "+m.to+", "+m.date, " ,"))
	if start < end && m.from != "" {
		out.marks = append(out.marks, Mark{Kind: KindHeading, Start: start, End: end, Level: 1, Label: label})
	}
}

// write takes the plain text, or the page where that says much more: some
// programs put no more than a note into the former.
func (b mailBody) write(out *body, l Limits) error {
	plain := strings.TrimSpace(clean(b.plain, true))
	if b.html == "" {
		out.block(plain)
		return nil
	}
	page, err := htmlText(b.html, l)
	var known *Error
	switch {
	case errors.As(err, &known) && known.Code != CodeEmpty:
		return err
	case err != nil, plain != "" && len(page.Body) < 2*len(plain):
		out.block(plain)
	default:
		out.append(page, 1)
	}
	return nil
}

// maxInside is how many messages may lie in one another.
const maxInside = 3

// enclosed reads a document that lies in another. Whatever is wrong with it is no fault of the outer one.
func enclosed(ctx context.Context, a attachment, opt Options) (text Text, err error) {
	defer func() {
		if recover() != nil { // its value may hold text of the document
			err = broken()
		}
	}()
	opt.inside++
	if a.message != nil {
		return a.message.text(ctx, opt)
	}
	return Document(ctx, a.data, a.name, a.mediaType, opt)
}
