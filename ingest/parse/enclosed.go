package parse

import (
	"errors"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Attachment is a file that was attached to a message.
type Attachment struct {
	Name      string // a file name without folders; none is there twice in a Text
	MediaType string // as declared; may be empty
	Data      []byte // decoded
}

// maxName is the longest name of a file, in bytes.
const maxName = 255

// takeOut names the attachments in the text and gives them as files, as many as
// the limits let it; of the others the text says that they were left out.
func (m *mail) takeOut(out *body, l Limits) (taken []Attachment) {
	left, names := l.AttachedBytes, map[string]bool{}
	for _, a := range m.attachments {
		file := a.file()
		file.Name = unused(file.Name, names)
		reason := ""
		switch {
		case a.broken:
			reason = " (left out: it is broken)"
		case len(taken) == l.Attachments:
			reason = " (left out: there are too many)"
		case int64(len(file.Data)) > left:
			reason = " (left out: it is too large)"
		default:
			left -= int64(len(file.Data))
			names[file.Name] = true
			taken = append(taken, file)
		}
		out.block("Attachment: " + file.Name + reason)
	}
	return taken
}

// file is the attachment as a file of its own; a message that has no bytes of its own is written as EML.
func (a attachment) file() Attachment {
	if a.message != nil {
		return Attachment{Name: fileName(subjectName(a.message.subject)), MediaType: "message/rfc822", Data: a.message.eml()}
	}
	if a.mediaType == "message/rfc822" && a.name == nameless {
		a.name = subjectName(subjectOf(a.data))
	}
	return Attachment{Name: fileName(a.name), MediaType: oneLine(a.mediaType), Data: a.data}
}

// subjectName is what a message without a file name is called.
func subjectName(subject string) string {
	subject = oneLine(strings.NewReplacer("/", "_", `\`, "_").Replace(subject))
	if subject == "" {
		subject = nameless
	}
	return subject + ".eml"
}

// fileName makes a name without folders of what a message says.
func fileName(said string) string {
	said = oneLine(said)
	said = strings.TrimSpace(said[strings.LastIndexAny(said, `/\`)+1:])
	if isFileName(said) {
		return said
	}
	if len(said) > maxName {
		return shorten(said, "")
	}
	return "attachment"
}

// shorten makes room for a suffix before the extension.
func shorten(name, suffix string) string {
	ext := path.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	stem := strings.TrimSuffix(name, ext)
	if room := maxName - len(ext) - len(suffix); len(stem) > room {
		for stem = stem[:room]; !utf8.ValidString(stem); {
			stem = stem[:len(stem)-1]
		}
	}
	return stem + suffix + ext
}

// unused is the name, with a number when it is taken.
func unused(name string, taken map[string]bool) string {
	for n, try := 2, name; ; n++ {
		if !taken[try] {
			return try
		}
		try = shorten(name, " ("+strconv.Itoa(n)+")")
	}
}

// isFileName tells whether a file may have the name wherever it is kept.
func isFileName(name string) bool {
	switch {
	case name == "" || name == "." || name == ".." || len(name) > maxName || !utf8.ValidString(name):
		return false
	case strings.ContainsAny(name, `/\`) || strings.ContainsFunc(name, unicode.IsControl):
		return false
	}
	return len(name) != 2 || name[1] != ':' // a drive
}

// checkAttached holds what was attached against what Attachment and Limits promise.
func checkAttached(all []Attachment, l Limits) error {
	if len(all) > l.Attachments {
		return errors.New("there are too many attachments")
	}
	left, names := l.AttachedBytes, map[string]bool{}
	for _, a := range all {
		if left -= int64(len(a.Data)); left < 0 {
			return errors.New("the attachments are too large")
		}
		if !isFileName(a.Name) || names[a.Name] || a.MediaType != oneLine(a.MediaType) {
			return errors.New("an attachment has no name of its own")
		}
		names[a.Name] = true
	}
	return nil
}
