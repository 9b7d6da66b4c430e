package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"groundwork/rag"
)

// Bounds of form fields that are no files, in bytes.
const (
	maxField  = 4 << 10
	maxLabels = 64 << 10 // of attributes and allow
)

// form walks through a multipart request, part by part, without holding any file in memory.
type form struct {
	reader   *multipart.Reader
	maxFile  int64
	maxFiles int
	tempDir  string
	files    int
	held     []*os.File // removed by close
}

// part is a field with its value, or a file.
type part struct {
	field, value string
	file         file
}

// file is one uploaded file: read its body before asking for the next part.
type file struct {
	filename  string // as the client sent it, directories and all
	path      string // from a field path
	mediaType string
	body      *fileBody
}

// maxForm is the most bytes of any form: what is too much is skipped, then refused by name.
func (s *Server) maxForm() int64 {
	return int64(s.opts.MaxFiles)*(s.opts.MaxFile+maxField) + 2*maxLabels + 1<<20
}

func (s *Server) openForm(c *gin.Context, maxFiles int) (*form, error) {
	total := s.maxForm()
	if c.Request.ContentLength > total {
		return nil, &http.MaxBytesError{Limit: total}
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, total)
	reader, err := c.Request.MultipartReader()
	if err != nil {
		return nil, &rag.Error{Code: rag.CodeInvalid, Err: err, Message: "This is no multipart form. Send the files as multipart/form-data, as in `curl -F file=@report.pdf`."}
	}
	return &form{reader: reader, maxFile: s.opts.MaxFile, maxFiles: maxFiles, tempDir: s.opts.TempDir}, nil
}

// next is nil after the last part. What is left of a file that was too large
// is skipped, so that the client reads the reply and the other files count.
func (f *form) next() (*part, error) {
	p, err := f.reader.NextPart()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, badForm(err)
	}
	// Part.FileName would cut directories off, and hide what must be refused.
	_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	if err != nil {
		return nil, badForm(err)
	}
	out := &part{field: p.FormName()}
	filename, isFile := params["filename"]
	if !isFile && p.FormName() != "file" {
		most := int64(maxField)
		if out.field == "attributes" || out.field == "allow" {
			most = maxLabels
		}
		value, err := io.ReadAll(io.LimitReader(p, most+1))
		if err != nil {
			return nil, badForm(err)
		}
		if int64(len(value)) > most || !utf8.Valid(value) {
			return nil, badParam(out.field, fmt.Sprintf("The form field %s must be text of at most %s.", clip(out.field), size(most)))
		}
		out.value = string(value)
		return out, nil
	}
	if f.files++; f.files > f.maxFiles {
		return nil, &rag.Error{Code: rag.CodeTooLarge, Param: "file", Message: fmt.Sprintf("There are more than %d files in this request. Send the others in another one.", f.maxFiles)}
	}
	out.file = file{filename: filename, mediaType: p.Header.Get("Content-Type"), body: &fileBody{r: p, limit: f.maxFile, left: f.maxFile}}
	return out, nil
}

// hold copies a file to disk, so that parts behind it can be read first. A
// file that is too large is held up to the limit and fails again when it is read.
func (f *form) hold(in file) (file, error) {
	tmp, err := os.CreateTemp(f.tempDir, "upload-*")
	if err != nil {
		return in, fmt.Errorf("hold upload: %w", err)
	}
	f.held = append(f.held, tmp)
	_, err = io.Copy(tmp, in.body)
	if err != nil && !in.body.over {
		if in.body.broken() {
			return in, in.body.explain(err)
		}
		return in, fmt.Errorf("hold upload: %w", err)
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return in, fmt.Errorf("hold upload: %w", err)
	}
	in.body = &fileBody{r: tmp, limit: f.maxFile, left: f.maxFile, cut: in.body.over}
	return in, nil
}

// close removes the held files.
func (f *form) close() {
	for _, tmp := range f.held {
		// Both can only fail when the file is gone already, which is what is wanted.
		_ = tmp.Close()
		_ = os.Remove(tmp.Name())
	}
}

// fileBody ends with an error when a file is larger than the limit.
type fileBody struct {
	r           io.Reader
	limit, left int64
	cut         bool  // r holds only the beginning of a file that is too large
	over        bool  // the limit was passed
	err         error // of reading from the client
}

func (b *fileBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, tooLarge(b.limit)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more byte tells whether there is more
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0 || err == io.EOF && b.cut:
		b.over = true
		return max(n+int(min(b.left, 0)), 0), tooLarge(b.limit)
	case err != nil && err != io.EOF:
		b.err = err
	}
	return n, err
}

// broken reports that the client's side failed, so that nothing more can be read.
func (b *fileBody) broken() bool { return b.err != nil }

// explain prefers what this body knows about an error that came out of reading it.
func (b *fileBody) explain(err error) error {
	switch {
	case err != nil && b.over:
		return tooLarge(b.limit)
	case err != nil && b.err != nil:
		return badForm(b.err)
	}
	return err
}

func tooLarge(limit int64) error {
	return &rag.Error{Code: rag.CodeTooLarge, Param: "file", Message: "The file is larger than " + size(limit) + ". Split it, or ask the operator to raise upload.max_file."}
}

// badForm keeps the errors that explain knows and calls every other one malformed.
func badForm(err error) error {
	var limit *http.MaxBytesError
	if errors.As(err, &limit) || rag.CodeOf(err) == codeSlow {
		return err
	}
	return &rag.Error{Code: rag.CodeInvalid, Err: err, Message: "The upload ended early or its form is not well formed. Send it again."}
}

// checkPath refuses what no file system and no list can show. Whether a path
// stays inside its store is decided where it is stored.
func checkPath(path string) error {
	switch {
	case path == "":
		return badParam("file", "The file has no name. Give it one, or add the form field path before it.")
	case !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl):
		return badParam("file", "The file's name holds characters that cannot be shown. Rename it.")
	case len(path) > 1024:
		return badParam("file", "The file's path is longer than 1024 bytes. Shorten it.")
	}
	for name := range strings.SplitSeq(path, "/") {
		if len(name) > 255 {
			return badParam("file", "The file's name is longer than 255 bytes. Shorten it.")
		}
	}
	return nil
}
