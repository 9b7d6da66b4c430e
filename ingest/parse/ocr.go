package parse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// OCR names a program that recognises text: it reads a picture (PGM) from its
// standard input and writes text to its standard output, such as
// "tesseract stdin stdout". It runs confined as a parser does, but may read
// what programs are made of (below /usr and /lib).
type OCR struct {
	Command []string      // program and arguments; empty: scans are refused
	Wall    time.Duration // for all pages of a document
	DPI     int           // at which pages are drawn
}

// maxPixels of a page that is drawn; a larger one is drawn smaller.
const maxPixels = 16 << 20

// recognise reads the pages of a scan one by one, each drawn by a child and read by another. A
// document in which nothing is found gives none.
func (r *Runner) recognise(ctx context.Context, req request, doc *os.File, none *Error) (Text, error) {
	limited, cancel := context.WithTimeout(ctx, r.OCR.Wall)
	defer cancel()
	out := body{limit: req.Limits.Text}
	for page, pages := 1, 1; page <= pages; page++ {
		picture, count, err := r.draw(limited, req, doc, page)
		if err == nil && len(picture) > 0 {
			var text string
			if text, err = r.readPicture(limited, req.Limits, picture); err == nil {
				start := out.text.Len()
				out.block(pageText(clean(strings.ToValidUTF8(text, "\uFFFD"), true)))
				out.page(page, start, "")
			}
		}
		switch {
		case ctx.Err() != nil:
			return Text{}, ctx.Err()
		case limited.Err() != nil:
			return Text{}, fail(CodeLimit, "recognising the text of the scan takes more than %s; split it, or run text recognition (OCR) on it and upload the result", r.OCR.Wall)
		case err != nil:
			return Text{}, err
		}
		pages = count
	}
	if out.text.Len() == 0 {
		return Text{}, none
	}
	text, err := out.done("")
	if err == nil {
		err = check(text, req.Limits)
	}
	return text, err
}

// draw gives a page as a picture, and how many pages there are.
func (r *Runner) draw(ctx context.Context, req request, doc *os.File, page int) (picture []byte, pages int, err error) {
	req.Draw, req.DPI = page, r.OCR.DPI
	end, err := r.start(ctx, req, doc, maxPixels+100)
	if err != nil {
		return nil, 0, err
	}
	rest, ok := bytes.CutPrefix(end.out, []byte(greeting))
	if !ok {
		return nil, 0, fmt.Errorf("start the parser: %w", errors.Join(end.err, errors.New("the program is not one")))
	}
	head, picture, _ := bytes.Cut(rest, []byte("\n"))
	if _, err := fmt.Sscanf(string(head), "pages %d", &pages); end.err != nil || err != nil || pages < 1 || pages > req.Limits.Pages {
		return nil, 0, brokenPDF()
	}
	return picture, pages, nil
}

// readPicture runs the program. What it says of a picture that it cannot read is no text.
func (r *Runner) readPicture(ctx context.Context, l Limits, picture []byte) (string, error) {
	file, done, err := plainFile(bytes.NewReader(picture))
	if err != nil {
		return "", fmt.Errorf("hand the picture over: %w", err)
	}
	defer done()
	end, err := r.start(ctx, request{Limits: l, Exec: r.OCR.Command}, file, len(greeting)+l.Text)
	if err != nil {
		return "", err
	}
	text, ok := bytes.CutPrefix(end.out, []byte(greeting))
	if !ok {
		return "", fmt.Errorf("start the text recognition: %w", errors.Join(end.err, errors.New("the parser did not run")))
	}
	if end.err != nil && !killed(end.state) {
		return "", fmt.Errorf("run the text recognition %q: %w", r.OCR.Command[0], end.err)
	}
	return string(text), nil
}

// drawPage writes how many pages there are and one of them, in greys.
func drawPage(ctx context.Context, out io.Writer, data []byte, req request) error {
	p, err := openPDF(ctx, len(data), Options{Limits: req.Limits, CacheDir: req.CacheDir})
	if err != nil {
		return err
	}
	picture, err := p.draw(data, req.Draw-1, req.DPI)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "pages %d\n", picture.pages); err != nil {
		return err
	}
	if picture.image == nil {
		return nil
	}
	size := picture.image.Bounds()
	if _, err := fmt.Fprintf(out, "P5 %d %d 255\n", size.Dx(), size.Dy()); err != nil {
		return err
	}
	for y := range size.Dy() {
		row := picture.image.Pix[y*picture.image.Stride:]
		if _, err := out.Write(row[:size.Dx()]); err != nil {
			return err
		}
	}
	return nil
}
