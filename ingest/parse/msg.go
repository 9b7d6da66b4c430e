package parse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/richardlehane/mscfb"
)

// The properties of a message that are read, by their tags in hexadecimal.
const (
	msgSubject    = "0037"
	msgSender     = "0C1A"
	msgAddress    = "0C1F"
	msgSMTP       = "5D01"
	msgTo         = "0E04"
	msgCc         = "0E03"
	msgPlain      = "1000"
	msgHTML       = "1013"
	msgRTF        = "1009"
	msgLongName   = "3707"
	msgShortName  = "3704"
	msgMediaType  = "370E"
	msgData       = "3701"
	msgContentID  = "3712"
	msgSubmitted  = 0x0039
	msgDelivered  = 0x0E06
	msgProperties = "__properties_version1.0"
	msgStream     = "__substg1.0_"
	msgAttachment = "__attach_version1.0_"
)

// readMSG reads a message as Outlook stores it: a file system of properties.
func readMSG(ctx context.Context, data []byte, opt Options) (Text, error) {
	box, err := openMSG(data, opt.Limits)
	if err != nil {
		return Text{}, err
	}
	return box.mail().text(ctx, opt)
}

// msg is a message: the streams of its properties by their names, its
// attachments, and the messages in these.
type msg struct {
	streams map[string][]byte
	parts   map[string]*msg
	order   []string
}

func openMSG(data []byte, l Limits) (*msg, error) {
	doc, err := mscfb.New(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	root, left := newMSG(), int64(len(data))
	for n := 0; ; n++ {
		entry, err := doc.Next()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		if n > l.Entries {
			return nil, fail(CodeLimit, "the message has more than %d parts; save what matters as documents of their own", l.Entries)
		}
		if len(entry.Path) > 2*maxInside+2 || !strings.HasPrefix(entry.Name, "__") {
			continue
		}
		at := root.at(entry.Path)
		if entry.Size == 0 {
			continue
		}
		if left -= entry.Size; left < 0 { // streams that share their bytes
			return nil, broken()
		}
		stream, err := io.ReadAll(io.LimitReader(doc, entry.Size))
		if err != nil {
			return nil, err
		}
		at.streams[entry.Name] = stream
	}
}

func newMSG() *msg { return &msg{streams: map[string][]byte{}, parts: map[string]*msg{}} }

// at is the part at a path, made when it is not there yet.
func (m *msg) at(path []string) *msg {
	for _, name := range path {
		next := m.parts[name]
		if next == nil {
			next = newMSG()
			m.parts[name] = next
			m.order = append(m.order, name)
		}
		m = next
	}
	return m
}

// text is a property in either of its two encodings.
func (m *msg) text(tag string) string {
	if raw, ok := m.streams[msgStream+tag+"001F"]; ok {
		return strings.TrimRight(decodeAs(raw, "utf-16le"), "\x00")
	}
	return strings.TrimRight(decode(m.streams[msgStream+tag+"001E"], ""), "\x00")
}

func (m *msg) mail() *mail {
	out := &mail{subject: m.text(msgSubject), from: m.text(msgSender), to: m.text(msgTo), cc: m.text(msgCc), date: m.date()}
	for _, tag := range []string{msgSMTP, msgAddress} {
		if address := m.text(tag); strings.Contains(address, "@") && !strings.Contains(out.from, address) {
			out.from = strings.TrimSpace(out.from + " <" + address + ">")
			break
		}
	}
	b := mailBody{plain: m.text(msgPlain), html: m.text(msgHTML)}
	if raw := m.streams[msgStream+msgHTML+"0102"]; b.html == "" && len(raw) > 0 {
		b.html = decodeHTML(raw, "")
	}
	if strings.TrimSpace(b.plain+b.html) == "" {
		b.plain = rtfText(unpackRTF(m.streams[msgStream+msgRTF+"0102"]))
	}
	out.bodies = []mailBody{b}
	for _, name := range m.order {
		if strings.HasPrefix(name, msgAttachment) {
			out.attachments = append(out.attachments, m.parts[name].attachment())
		}
	}
	return out
}

// attachment is a file, or another message.
func (m *msg) attachment() attachment {
	a := attachment{name: m.text(msgLongName), mediaType: m.text(msgMediaType), data: m.streams[msgStream+msgData+"0102"], id: m.text(msgContentID)}
	if a.name == "" {
		a.name = m.text(msgShortName)
	}
	if inner := m.parts[msgStream+msgData+"000D"]; inner != nil {
		a.message = inner.mail()
		a.name = a.message.subject
	}
	return a
}

// date is when the message was sent, else when it came. Times are counted in
// units of 100 ns since 1601; entries of the properties' list are 16 bytes after a head of 24 or 32.
func (m *msg) date() string {
	raw := m.streams[msgProperties]
	for _, tag := range []uint32{msgSubmitted, msgDelivered} {
		for _, head := range []int{32, 24} {
			for at := head; at+16 <= len(raw); at += 16 {
				if binary.LittleEndian.Uint32(raw[at:]) == tag<<16|0x0040 {
					ticks := binary.LittleEndian.Uint64(raw[at+8:])
					const to1970 = 116444736000000000
					if ticks < to1970 || ticks > to1970*3 {
						return ""
					}
					return time.Unix(int64((ticks-to1970)/1e7), 0).UTC().Format("2006-01-02 15:04 UTC")
				}
			}
		}
	}
	return ""
}
