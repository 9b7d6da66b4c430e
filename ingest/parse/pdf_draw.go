package parse

import (
	"image"
	"math"
)

// drawn is a page as a picture; nil when the document does not hold it.
type drawn struct {
	pages int
	image *image.Gray
}

// How a page is drawn, as fpdfview.h counts.
const (
	bitmapGray  = 1
	withNotes   = 0x01
	inGray      = 0x08
	opaqueWhite = 0xFFFFFFFF
)

// draw draws one page, no larger than maxPixels.
func (p *pdf) draw(data []byte, index, dpi int) (drawn, error) {
	pages, err := p.open(data)
	if err != nil {
		return drawn{}, err
	}
	page := p.call(opLoadPage, p.doc, uint64(index))
	if page == 0 {
		return drawn{pages: pages}, p.err
	}
	width, height := p.length(opPageWidth, page), p.length(opPageHeight, page)
	if !(width > 0 && height > 0) {
		return drawn{pages: pages}, p.err
	}
	scale := min(float64(dpi)/72, math.Sqrt(maxPixels/(width*height)))
	if scale*width < 1 || scale*height < 1 {
		return drawn{pages: pages}, nil
	}
	picture := image.Rect(0, 0, int(scale*width), int(scale*height))
	if picture.Dx()*picture.Dy() > maxPixels {
		return drawn{}, brokenPDF()
	}
	w, h := uint64(picture.Dx()), uint64(picture.Dy())
	bitmap := p.call(opBitmap, w, h, bitmapGray, 0, 0)
	if bitmap == 0 && p.err == nil {
		return drawn{}, brokenPDF()
	}
	p.call(opFill, bitmap, 0, 0, w, h, opaqueWhite)
	p.call(opRender, bitmap, page, 0, 0, w, h, 0, withNotes|inGray)
	stride := p.count(opStride, bitmap)
	if p.err == nil && stride < picture.Dx() {
		return drawn{}, brokenPDF()
	}
	pixels := p.bytes(p.call(opBuffer, bitmap), uint64(stride)*h) // they live as long as the process
	return drawn{pages, &image.Gray{Pix: pixels, Stride: stride, Rect: picture}}, p.err
}

// length asks for one in points.
func (p *pdf) length(o op, page uint64) float64 {
	return float64(math.Float32frombits(uint32(p.call(o, page))))
}
