package faulttest_test

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"strings"
)

// mailBoundary stands between the parts of a mail.
const mailBoundary = "part-of-a-mail"

// mail is a new mail with up to three of four attachments, of few contents: the
// same ones stand in many mails, stay, change, go and come back.
func (l *ledger) mail(chance func(int) int) string {
	l.mu.Lock()
	l.seq++
	tag := l.seq
	l.mu.Unlock()
	var out strings.Builder
	fmt.Fprintf(&out, "From: ada@example.org\r\nSubject: Mail %d\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%q\r\n\r\n--%s\r\n\r\nSee what is attached.\r\n", tag, mailBoundary, mailBoundary)
	for n := range 4 {
		if chance(4) > 0 {
			fmt.Fprintf(&out, "--%s\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"annex-%d.txt\"\r\n\r\nAnnex %d says what it said before.\r\n", mailBoundary, n, chance(3))
		}
	}
	return out.String() + "--" + mailBoundary + "--\r\n"
}

func isMail(name string) bool { return path.Ext(name) == ".eml" }

var annex = regexp.MustCompile(`filename="([^"]+)"\r\n\r\n([^\r]*)\r\n`)

// annexes are the SHA-256 of what is attached to a mail, by name.
func annexes(mail string) map[string]string {
	out := map[string]string{}
	for _, m := range annex.FindAllStringSubmatch(mail, -1) {
		out[m[1]] = sum(m[2])
	}
	return out
}

// encloses compares the attachments of a mail that is ready with what was sent.
func encloses(attached []document, mail string) error {
	there := map[string]string{}
	for _, d := range attached {
		if _, twice := there[d.Filename]; twice {
			return fmt.Errorf("%s is attached twice", d.Filename)
		}
		if d.Status != "ready" || d.Live == nil || *d.Live != d.Version {
			return fmt.Errorf("%s is %s, %+v", d.Filename, d.Status, d.Error)
		}
		there[d.Filename] = d.SHA256
	}
	if want := annexes(mail); !maps.Equal(there, want) {
		return fmt.Errorf("it has %v attached instead of %v", there, want)
	}
	return nil
}
