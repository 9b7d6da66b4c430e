package parse

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// readPDF reads the text layer page by page. Pages are joined with an empty
// line; entries of the outline that name a line of their page make it a heading.
func readPDF(ctx context.Context, data []byte, opt Options) (Text, error) {
	p, err := openPDF(ctx, len(data), opt)
	if err != nil {
		return Text{}, err
	}
	text, err := p.read(data)
	if err == nil && opt.inside > 0 {
		return text, p.pool.Close() // more may follow; otherwise the process ends, and a reader that has trapped cannot be closed
	}
	if err != nil && p.memory.refused {
		return Text{}, fail(CodeLimit, "the PDF unpacks to more than %s; split it, or print it to a new PDF", size(opt.Limits.Unpacked))
	}
	return text, err
}

// openPDF takes the reader that was started ahead, or starts one, with memory for a document of so many bytes.
func openPDF(ctx context.Context, bytes int, opt Options) (*pdf, error) {
	need := needs(int64(bytes), opt.Limits)
	reader := opt.reader
	if reader == nil || opt.inside > 0 || !reader.memory.bound(need) {
		memory, err := newLinear(need)
		if err != nil {
			return nil, tooSlow(opt.Limits.Wall)
		}
		if reader, err = newEngine(ctx, memory, opt.CacheDir); err != nil {
			return nil, fmt.Errorf("start the PDF reader: %w", err)
		}
	}
	return &pdf{engine: reader, limits: opt.Limits, out: body{limit: opt.Limits.Text}}, nil
}

// needs is the memory in which a PDF of so many bytes may be read.
func needs(bytes int64, l Limits) int64 { return 4*bytes + 64<<20 + l.Unpacked }

type pdf struct {
	*engine
	doc    uint64
	limits Limits
	out    body

	objects int // that were looked at
}

func (p *pdf) read(data []byte) (Text, error) {
	pages, err := p.open(data)
	if err != nil {
		return Text{}, err
	}
	if err := p.pages(pages); err != nil {
		return Text{}, err
	}
	return p.out.done(p.title())
}

// Why a document cannot be opened, as fpdfview.h counts.
const (
	errPassword = 4
	errSecurity = 5
)

// open opens the document and counts its pages.
func (p *pdf) open(data []byte) (pages int, err error) {
	p.doc = p.call(opOpen, p.put(data), uint64(len(data)), 0)
	if p.doc == 0 && p.err == nil {
		if why := p.call(opLastError); why == errPassword || why == errSecurity {
			return 0, encrypted()
		}
	}
	if p.doc == 0 {
		return 0, brokenPDF()
	}
	pages = p.count(opPages, p.doc)
	switch {
	case pages < 1:
		return 0, brokenPDF()
	case pages > p.limits.Pages:
		return 0, fail(CodeLimit, "the PDF has %d pages and at most %d are read; split it", pages, p.limits.Pages)
	}
	return pages, nil
}

func brokenPDF() *Error {
	return fail(CodeInvalid, "the PDF is broken and cannot be read; open it in a PDF program, print it to a new PDF and upload that")
}

// pages reads all pages. One that the PDF names but does not hold is empty;
// when no page can be loaded, the document is broken.
func (p *pdf) pages(count int) error {
	outline := p.outline(count)
	broken := 0
	distinct := map[string]bool{}
	for i := range count {
		text, held := p.page(i)
		if p.err != nil {
			return p.err
		}
		if !held {
			broken++
			continue
		}
		start, end := p.out.block(text)
		if start == end {
			continue
		}
		if len(distinct) < 2 {
			distinct[p.out.text.String()[start:end]] = true
		}
		p.out.marks = append(p.out.marks, Mark{Kind: KindPage, Start: start, End: end, Page: i + 1})
		if entries := outline[i]; len(entries) > 0 {
			p.out.marks = append(p.out.marks, headings(p.out.text.String()[start:end], start, entries)...)
		}
		if p.out.full() {
			break
		}
	}
	switch {
	case broken == count:
		return brokenPDF()
	case len(p.out.marks) == 0, count > 1 && len(distinct) == 1 && p.out.text.Len() < maxStamp*count:
		return fail(CodeNoText, "the PDF has pages but no text, as a scan has; run text recognition (OCR) on it and upload the result")
	}
	return nil
}

// page is the text of a page, without what nobody sees; held is false when the document does not hold it.
func (p *pdf) page(index int) (text string, held bool) {
	page := p.call(opLoadPage, p.doc, uint64(index))
	if page == 0 {
		return "", false
	}
	for _, object := range p.hidden(page) {
		p.call(opRemove, page, object)
	}
	text = p.words(page)
	p.call(opClosePage, page)
	return pageText(text), true
}

// words is what stands on a page.
func (p *pdf) words(page uint64) string {
	text := p.call(opLoadText, page)
	if text == 0 && p.err == nil {
		p.err = errors.New("the text of a page cannot be loaded")
	}
	n := p.count(opCountChars, text)
	if n < 1 {
		p.call(opCloseText, text)
		return ""
	}
	at := p.space(2 * uint64(n+1))
	units := p.count(opText, text, 0, uint64(n), at)
	found := p.utf16(at, uint64(min(max(units, 0), n+1)))
	switch {
	case shattered(found):
		found = p.rejoin(text, n)
	case scripted(found):
		found = p.inLine(found, text, n)
	}
	p.call(opCloseText, text)
	return found
}

// maxStamp is the length, in bytes, up to which the same words on every page
// are taken for the stamp of a scanner.
const maxStamp = 60

// title is the one from the document's properties, unless a program made it up.
func (p *pdf) title() string {
	title := oneLine(p.text(opMeta, p.doc, p.put([]byte("Title\x00"))))
	lower := strings.ToLower(title)
	switch lower {
	case "untitled", "unbenannt", "sans titre", "document", "(anonymous)":
		return ""
	}
	if strings.HasPrefix(lower, "microsoft word - ") || strings.HasPrefix(lower, "microsoft powerpoint - ") {
		return ""
	}
	for _, ext := range []string{".doc", ".docx", ".indd", ".dvi", ".tex", ".xls", ".xlsx", ".ppt", ".pptx", ".rtf", ".qxd", ".pmd"} {
		if strings.HasSuffix(lower, ext) {
			return ""
		}
	}
	return title
}
