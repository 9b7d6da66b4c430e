package parse

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// readXLSX gives each visible sheet as a heading and its tables, values as the
// program shows them. Hidden sheets, rows and columns, comments, formulas and
// pictures are left out.
func readXLSX(data []byte, l Limits) (Text, error) {
	a, err := openZip(data, l)
	if err != nil {
		return Text{}, err
	}
	lean, err := a.workbook()
	if err != nil {
		return Text{}, err
	}
	all := int64(len(lean))
	f, err := excelize.OpenReader(bytes.NewReader(lean), excelize.Options{
		UnzipSizeLimit: all, UnzipXMLSizeLimit: all, // nothing of it may go to files
		ShortDatePattern: "yyyy-mm-dd", // where the document leaves it to each reader's country
	})
	if err != nil {
		return Text{}, err
	}
	s := sheets{zip: a, file: f, limits: l, left: l.Cells, out: body{limit: l.Text}}
	if err := s.find(); err != nil {
		return Text{}, err
	}
	for _, name := range f.GetSheetList() {
		if err := s.read(name); err != nil {
			return Text{}, err
		}
	}
	return s.out.done(s.title())
}

// workbook packs anew, unpacked and within the budget, what is needed of a
// workbook: the library would read everything, whatever its size.
func (a *archive) workbook() ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		if !needed.MatchString(name) {
			continue
		}
		part, err := a.read(name)
		if err != nil {
			return nil, err
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(part)
		}
		if err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

var needed = regexp.MustCompile(`(?i)^(\[Content_Types\]\.xml|_rels/\.rels|docProps/core\.xml|xl/(_rels/)?[^/]+\.(xml|rels)|xl/(theme|worksheets)/[^/]+\.xml)$`)

type sheets struct {
	zip    *archive
	parts  map[string]string // of the sheets, by name
	file   *excelize.File
	limits Limits
	left   int // cells that may still be read
	out    body
}

func (s *sheets) title() string {
	p, err := s.file.GetDocProps()
	if err != nil {
		return ""
	}
	return p.Title
}

func (s *sheets) read(name string) error {
	if visible, err := s.file.GetSheetVisible(name); err != nil || !visible {
		return err
	}
	hidden, err := s.hiddenColumns(name)
	if err != nil {
		return err
	}
	rows, err := s.file.Rows(name)
	var other excelize.ErrSheetNotExist
	switch {
	case errors.As(err, &other), err != nil && strings.Contains(err.Error(), "not a worksheet"):
		return nil // a chart on a sheet of its own
	case err != nil:
		return err
	}
	g := sheet{out: &s.out, name: name}
	for rows.Next() {
		cells, err := rows.Columns()
		if err != nil {
			return err
		}
		if s.left -= len(cells) + 1; s.left < 0 {
			return tooManyCells(s.limits.Cells)
		}
		if rows.GetRowOpts().Hidden {
			continue
		}
		for i := range cells {
			if hidden[i+1] {
				cells[i] = ""
			}
		}
		g.row(cells)
		if s.out.full() {
			return nil
		}
	}
	g.flush()
	return rows.Close()
}

func tooManyCells(limit int) *Error {
	return fail(CodeLimit, "the tables have more than %d cells; split the document, or export what matters as CSV", limit)
}

// find looks up the parts of the sheets.
func (s *sheets) find() error {
	s.parts = map[string]string{}
	book, err := s.zip.document(s.limits.Depth)
	if err != nil {
		return err
	}
	related, err := s.zip.relations(book, s.limits.Depth)
	if err != nil {
		return err
	}
	return s.zip.xml(book, s.limits.Depth, func(x *xmlReader) error {
		return each(x, func(e xml.StartElement) error {
			if e.Name.Local != "sheets" {
				return x.skip()
			}
			return x.children(func(e xml.StartElement) error {
				s.parts[attrOf(e, "name")] = related[refOf(e, "id")].part
				return x.skip()
			}, nil)
		})
	})
}

// headOfSheet is how much of a sheet's part is looked at for its columns, which come before its rows.
const headOfSheet = 64 << 10

var columns = regexp.MustCompile(`<(?:\w+:)?col\s[^<>]*>`)

// hiddenColumns are counted from 1. The library would read the whole sheet into memory to tell them.
func (s *sheets) hiddenColumns(sheet string) (map[int]bool, error) {
	hidden := map[int]bool{}
	part, err := s.zip.open(s.parts[sheet])
	if err != nil || part == nil {
		return hidden, err
	}
	defer part.Close() // it was only read
	head, err := io.ReadAll(io.LimitReader(part, headOfSheet))
	if err != nil {
		return nil, err
	}
	for _, tag := range columns.FindAll(head, -1) {
		e, err := xml.NewDecoder(bytes.NewReader(tag)).Token()
		col, ok := e.(xml.StartElement)
		if err != nil || !ok || !isTrue(attrOf(col, "hidden")) {
			continue // one that cannot be read hides nothing
		}
		from, _ := strconv.Atoi(attrOf(col, "min")) // 0 without one
		to, _ := strconv.Atoi(attrOf(col, "max"))
		for i := max(from, 1); i <= min(to, excelize.MaxColumns); i++ {
			hidden[i] = true
		}
	}
	return hidden, nil
}

func isTrue(s string) bool { return s == "1" || s == "true" }
