package parse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klippa-app/go-pdfium"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// readPDF reads the text layer page by page. Pages are joined with an empty
// line; entries of the outline that name a line of their page make it a heading.
func readPDF(ctx context.Context, data []byte, opt Options) (Text, error) {
	p, pool, err := openPDF(ctx, data, opt)
	if err != nil {
		return Text{}, err
	}
	text, err := p.read(data)
	if err == nil && opt.inside > 0 {
		return text, pool.Close() // more may follow; otherwise the process ends, and a reader that has trapped cannot be closed
	}
	if err != nil && p.memory.refused {
		return Text{}, fail(CodeLimit, "the PDF unpacks to more than %s; split it, or print it to a new PDF", size(opt.Limits.Unpacked))
	}
	return text, err
}

// openPDF starts a reader with memory for data.
func openPDF(ctx context.Context, data []byte, opt Options) (*pdf, pdfium.Pool, error) {
	memory, err := newLinear(4*int64(len(data)) + 64<<20 + opt.Limits.Unpacked)
	if err != nil {
		return nil, nil, tooSlow(opt.Limits.Wall)
	}
	pool, err := startPDF(ctx, memory, opt.CacheDir)
	if err != nil {
		return nil, nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	reader, err := pool.GetInstanceWithContext(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	return &pdf{reader: reader, memory: memory, limits: opt.Limits, out: body{limit: opt.Limits.Text}}, pool, nil
}

// WarmPDF compiles the PDF reader into cacheDir, when it is not there yet.
func WarmPDF(ctx context.Context, cacheDir string) error {
	pool, err := startPDF(ctx, &linear{}, cacheDir)
	if err != nil {
		return err
	}
	return pool.Close()
}

func startPDF(ctx context.Context, memory *linear, cacheDir string) (pdfium.Pool, error) {
	config := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	if cacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(cacheDir)
		if err != nil {
			return nil, err
		}
		config = config.WithCompilationCache(cache)
	}
	return webassembly.Init(webassembly.Config{
		Context: experimental.WithMemoryAllocator(ctx, memory), RuntimeConfig: config,
		MaxTotal: 1, FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard,
	})
}

type pdf struct {
	reader pdfium.Pdfium
	memory *linear
	doc    references.FPDF_DOCUMENT
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
	title := p.meta("Title")
	return p.out.done(title)
}

// open opens the document and counts its pages.
func (p *pdf) open(data []byte) (pages int, err error) {
	opened, err := p.reader.OpenDocument(&requests.OpenDocument{File: &data})
	switch {
	case errors.Is(err, pdferrors.ErrPassword), errors.Is(err, pdferrors.ErrSecurity):
		return 0, encrypted()
	case err != nil:
		return 0, brokenPDF()
	}
	p.doc = opened.Document
	count, err := p.reader.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: p.doc})
	switch {
	case err != nil || count.PageCount < 1:
		return 0, brokenPDF()
	case count.PageCount > p.limits.Pages:
		return 0, fail(CodeLimit, "the PDF has %d pages and at most %d are read; split it", count.PageCount, p.limits.Pages)
	}
	return count.PageCount, nil
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
		text, err := p.page(i)
		switch {
		case errors.Is(err, pdferrors.ErrPage):
			broken++
			continue
		case err != nil:
			return err
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

func (p *pdf) page(index int) (string, error) {
	loaded, err := p.reader.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: p.doc, Index: index})
	if err != nil {
		return "", err
	}
	at := requests.Page{ByReference: &loaded.Page}
	for _, object := range p.hidden(at) {
		if err := p.remove(at, object); err != nil {
			return "", err
		}
	}
	text, off, err := p.text(at)
	if err == nil && len(off) > 0 {
		for _, object := range off {
			if err := p.remove(at, object); err != nil {
				return "", err
			}
		}
		text, _, err = p.text(at)
	}
	if err == nil && shattered(text) {
		text, err = p.rejoin(at)
	}
	if err != nil {
		return "", err
	}
	_, err = p.reader.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: loaded.Page})
	return pageText(text), err
}

func (p *pdf) remove(page requests.Page, object references.FPDF_PAGEOBJECT) error {
	_, err := p.reader.FPDFPage_RemoveObject(&requests.FPDFPage_RemoveObject{Page: page, PageObject: object})
	return err
}

// text is what stands on a page, and the objects of it that lie beside the sheet.
func (p *pdf) text(page requests.Page) (text string, off []references.FPDF_PAGEOBJECT, err error) {
	loaded, err := p.reader.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: page})
	if err != nil {
		return "", nil, err
	}
	count, err := p.reader.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: loaded.TextPage})
	if err == nil && count.Count > 0 {
		got, err := p.reader.FPDFText_GetText(&requests.FPDFText_GetText{TextPage: loaded.TextPage, Count: count.Count})
		if err != nil {
			return "", nil, err
		}
		text = got.Text
		off = p.beside(page, loaded.TextPage, text)
	}
	if err != nil {
		return "", nil, err
	}
	_, err = p.reader.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: loaded.TextPage})
	return text, off, err
}

// maxStamp is the length, in bytes, up to which the same words on every page
// are taken for the stamp of a scanner.
const maxStamp = 60

// meta is a title from the document's properties, unless a program made it up.
func (p *pdf) meta(tag string) string {
	m, err := p.reader.FPDF_GetMetaText(&requests.FPDF_GetMetaText{Document: p.doc, Tag: tag})
	if err != nil {
		return ""
	}
	title := oneLine(m.Value)
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
