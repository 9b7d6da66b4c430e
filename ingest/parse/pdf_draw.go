package parse

import (
	"image"
	"math"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/requests"
)

// drawn is a page as a picture; nil when the document does not hold it.
type drawn struct {
	pages int
	image *image.Gray
}

// draw draws one page, no larger than maxPixels.
func (p *pdf) draw(data []byte, index, dpi int) (drawn, error) {
	pages, err := p.open(data)
	if err != nil {
		return drawn{}, err
	}
	at := requests.Page{ByIndex: &requests.PageByIndex{Document: p.doc, Index: index}}
	size, err := p.reader.GetPageSize(&requests.GetPageSize{Page: at})
	if err != nil || size.Width <= 0 || size.Height <= 0 {
		return drawn{pages: pages}, nil
	}
	scale := min(float64(dpi)/72, math.Sqrt(maxPixels/(size.Width*size.Height)))
	if scale*size.Width < 1 || scale*size.Height < 1 {
		return drawn{pages: pages}, nil
	}
	got, err := p.reader.RenderPageInPixels(&requests.RenderPageInPixels{
		Page: at, Width: int(scale * size.Width), Height: int(scale * size.Height), RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT,
		ImageFormat: requests.RenderImageFormatGrayscale,
	})
	if err != nil {
		return drawn{}, err
	}
	picture, ok := got.Result.RenderedImage.(*image.Gray) // it lives as long as the process
	if !ok || picture.Bounds().Dx()*picture.Bounds().Dy() > maxPixels {
		return drawn{}, brokenPDF()
	}
	return drawn{pages, picture}, nil
}
