package parse

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
)

// archive reads the parts of a zip file within a budget of unpacked bytes.
type archive struct {
	files map[string]*zip.File
	left  int64
	limit int64
}

func openZip(data []byte, l Limits) (*archive, error) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	if len(r.File) > l.Entries {
		return nil, fail(CodeLimit, "the document has more than %d parts; save it again in its own program", l.Entries)
	}
	budget := min(l.Unpacked, 1<<20+100*int64(len(data)))
	a := &archive{files: make(map[string]*zip.File, len(r.File)), left: budget, limit: budget}
	for _, f := range r.File {
		name := partName(f)
		if _, twice := a.files[name]; !twice {
			a.files[name] = f
		}
		if f.Flags&1 != 0 {
			return nil, encrypted()
		}
	}
	return a, nil
}

// partName is the name of a part as others refer to it.
func partName(f *zip.File) string {
	return strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/")
}

func (a *archive) has(name string) bool { return a.files[name] != nil }

// open gives a part, which must be closed; nil when there is none of that name.
func (a *archive) open(name string) (io.ReadCloser, error) {
	f := a.files[name]
	if f == nil {
		return nil, nil
	}
	rc, err := f.Open()
	if err != nil {
		return nil, err
	}
	return &budgeted{ReadCloser: rc, a: a}, nil
}

// read gives a whole part; nil when there is none of that name.
func (a *archive) read(name string) ([]byte, error) {
	rc, err := a.open(name)
	if err != nil || rc == nil {
		return nil, err
	}
	defer rc.Close() // nothing was written
	return io.ReadAll(rc)
}

// xml reads a part as XML; one that is missing is passed over.
func (a *archive) xml(name string, depth int, read func(*xmlReader) error) error {
	rc, err := a.open(name)
	if err != nil || rc == nil {
		return err
	}
	defer rc.Close() // nothing was written
	err = read(newXML(rc, depth))
	if e, ok := isLimit(err); ok {
		return e
	}
	return err
}

// budgeted counts what comes out, whatever the headers of the archive say.
type budgeted struct {
	io.ReadCloser
	a *archive
}

func (b *budgeted) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.a.left -= int64(n); b.a.left < 0 {
		return 0, fail(CodeLimit, "the document unpacks to more than %s; save it again without pictures and attachments, or split it", size(b.a.limit))
	}
	return n, err
}

// maxRelationsDepth is more than the list of a package's relations has.
const maxRelationsDepth = 8

// detectZip tells documents from other archives.
func detectZip(data []byte) (Format, error) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", fail(CodeInvalid, "the file is cut short or broken; upload it again, or save it again in its own program")
	}
	a := archive{files: make(map[string]*zip.File, len(r.File)), left: headSize, limit: headSize}
	for _, f := range r.File {
		a.files[partName(f)] = f
	}
	for _, kind := range []struct {
		part   string
		format Format
	}{{"word/document.xml", DOCX}, {"xl/workbook.xml", XLSX}, {"ppt/presentation.xml", PPTX}, {"content.xml", ODF}, {"META-INF/container.xml", EPUB}} {
		if a.has(kind.part) {
			return kind.format, nil
		}
	}
	// The main part may have another name; an unreadable list of relations names none.
	main, _ := a.document(maxRelationsDepth)
	switch folder, _, _ := strings.Cut(main, "/"); folder {
	case "word":
		return DOCX, nil
	case "xl":
		return XLSX, nil
	case "ppt":
		return PPTX, nil
	}
	if a.has("_rels/.rels") {
		return "", unsupported("an Office document of an unknown kind")
	}
	return "", fail(CodeUnsupported, "the file is an archive, which is not opened; upload the documents in it (%s)", Supported)
}

// isLimit is true for the reader's own errors, which an XML or zip reader may have wrapped.
func isLimit(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
