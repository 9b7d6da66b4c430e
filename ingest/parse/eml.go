package parse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // encodings other than UTF-8
)

// readEML reads a message as mail programs store it.
func readEML(ctx context.Context, data []byte, opt Options) (Text, error) {
	if _, rest := byMark(data); rest != nil || wide(data) != "" {
		data = []byte(decode(data, ""))
	}
	if bytes.HasPrefix(data, []byte("From ")) { // of a mailbox
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	root, err := message.Read(bytes.NewReader(bytes.TrimLeft(data, "\r\n")))
	if err = tolerable(err); err != nil {
		return Text{}, err
	}
	e := eml{limits: opt.Limits, left: opt.Limits.Entries}
	bodies, err := e.entity(root, 0)
	if err != nil {
		return Text{}, err
	}
	field := func(name string) string { return field(root.Header, name) }
	m := mail{
		subject: field("Subject"), from: field("From"), to: field("To"), cc: field("Cc"), date: field("Date"),
		bodies: bodies, attachments: e.attachments,
	}
	return m.text(ctx, opt)
}

// field is what a header says of the message.
func field(h message.Header, name string) string {
	text, err := h.Text(name)
	if err != nil {
		text = h.Get(name)
	}
	return decode([]byte(text), "")
}

// subjectOf is the subject of a message that lies in another.
func subjectOf(data []byte) string {
	m, err := message.Read(bytes.NewReader(data))
	if tolerable(err) != nil {
		return ""
	}
	return field(m.Header, "Subject")
}

// tolerable is nil for what can be read all the same: in an encoding that the message does not name rightly.
func tolerable(err error) error {
	if message.IsUnknownCharset(err) || message.IsUnknownEncoding(err) {
		return nil
	}
	return err
}

type eml struct {
	limits      Limits
	left        int // parts that may still be read
	attachments []attachment
}

// entity gives what a part and those in it say, and keeps their attachments.
func (e *eml) entity(part *message.Entity, depth int) ([]mailBody, error) {
	if e.left--; e.left < 0 {
		return nil, fail(CodeLimit, "the message has more than %d parts; save what matters as documents of their own", e.limits.Entries)
	}
	if depth > e.limits.Depth {
		return nil, tooDeep(e.limits.Depth)
	}
	kind, params, err := part.Header.ContentType()
	if err != nil {
		kind, params = "text/plain", nil
	}
	switch {
	case kind == "multipart/encrypted", strings.HasSuffix(kind, "pkcs7-mime") && params["smime-type"] != "signed-data" && depth == 0:
		return nil, encrypted()
	case strings.HasPrefix(kind, "multipart/"):
		return e.parts(part, kind, depth)
	}
	return e.leaf(part, kind, params["name"])
}

func (e *eml) parts(part *message.Entity, kind string, depth int) ([]mailBody, error) {
	r := part.MultipartReader()
	if r == nil {
		return nil, nil
	}
	var all []mailBody
	for {
		next, err := r.NextPart()
		if errors.Is(err, io.EOF) || tolerable(err) != nil {
			break // cut short: what came before counts
		}
		bodies, err := e.entity(next, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, bodies...)
	}
	if kind != "multipart/alternative" || len(all) < 2 {
		return all, nil
	}
	var one mailBody
	for _, b := range all {
		one.plain += b.plain
		one.html += b.html
	}
	return []mailBody{one}, nil
}

// leaf reads a part that holds no others.
func (e *eml) leaf(part *message.Entity, kind, name string) ([]mailBody, error) {
	disposition, params, err := part.Header.ContentDisposition()
	if err == nil && params["filename"] != "" {
		name = params["filename"]
	}
	text := kind == "text/plain" || kind == "text/html"
	switch {
	case text && disposition != "attachment" && (name == "" || disposition == "inline"):
	case disposition == "attachment", kind == "message/rfc822", name != "" && !strings.HasPrefix(kind, "image/"):
		data, err := io.ReadAll(part.Body)
		a := attachment{name: decode([]byte(name), ""), mediaType: kind, data: data, broken: err != nil}
		switch {
		case name != "":
		case kind == "message/rfc822":
			a.name = nameless
		default:
			a.name = kind
		}
		if strings.HasPrefix(kind, "image/") {
			a.id = part.Header.Get("Content-Id")
		}
		if !strings.HasSuffix(kind, "-signature") {
			e.attachments = append(e.attachments, a)
		}
		return nil, nil
	default:
		return nil, nil // pictures in the text, calendars, signatures
	}
	raw, err := io.ReadAll(io.LimitReader(part.Body, int64(4*e.limits.Text)))
	if err != nil && len(raw) == 0 {
		return nil, nil
	}
	if s := string(raw); kind == "text/html" && utf8.Valid(raw) {
		return []mailBody{{html: s}}, nil
	} else if kind == "text/html" {
		return []mailBody{{html: decodeHTML(raw, kind)}}, nil
	}
	return []mailBody{{plain: decode(raw, "")}}, nil
}

var (
	fields   = regexp.MustCompile(`^(?:From [^\n]*\n)?(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}`)
	sender   = regexp.MustCompile(`(?mi)^(From|Sender|Subject|Date|To):`)
	envelope = regexp.MustCompile(`(?mi)^(Received|MIME-Version|Message-ID|Return-Path|DKIM-Signature):`)
)

// isMail is true for text that begins with the fields of a message; named says
// that its name or declared type tell the same.
func isMail(text string, named bool) bool {
	head := fields.FindString(strings.ReplaceAll(strings.TrimLeft(text, "\r\n"), "\r\n", "\n"))
	return head != "" && len(sender.FindAllString(head, 2)) > 1 && (named || envelope.MatchString(head))
}
