package parse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// The child's document is open at this descriptor.
const documentFD = 3

// greeting is the first line of a child, before it reads anything of the
// document: without it, the child never ran.
const greeting = "groundwork parse child 1\n"

// request is what the parent writes to the child.
type request struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Limits    Limits `json:"limits"`
	CacheDir  string `json:"cache_dir"`
	Warm      bool   `json:"warm"` // fill CacheDir; there is no document
	Wait      bool   `json:"wait"` // start the PDF reader; descriptor 3 is a socket, from which the document comes with its name and type

	Enclosed bool `json:"enclosed,omitempty"` // Options.Enclosed

	Draw int      `json:"draw,omitempty"` // write this page of a PDF as a picture
	DPI  int      `json:"dpi,omitempty"`
	Exec []string `json:"exec,omitempty"` // become this program, with the document as its input
}

// response is what the child writes after its greeting; the bytes of the
// attachments follow it.
type response struct {
	Text     *Text      `json:"text,omitempty"`
	Error    *Error     `json:"error,omitempty"`
	Attached []attached `json:"attached,omitempty"`
}

// attached is an attachment without its bytes.
type attached struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Bytes     int    `json:"bytes"`
}

// write is how the child sends it.
func (res response) write(out io.Writer) error {
	var files []Attachment
	if res.Text != nil {
		files = res.Text.Attached
	}
	for _, f := range files {
		res.Attached = append(res.Attached, attached{f.Name, f.MediaType, len(f.Data)})
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(res)
	for i := 0; i < len(files) && err == nil; i++ {
		_, err = out.Write(files[i].Data)
	}
	return err
}

// readResponse reads what a child wrote, which is not trusted.
func readResponse(raw []byte) (res response, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&res); err != nil {
		return res, err
	}
	if (res.Text == nil) == (res.Error == nil) || res.Text == nil && len(res.Attached) > 0 {
		return res, errors.New("it is neither a text nor an error")
	}
	rest := bytes.TrimPrefix(raw[d.InputOffset():], []byte("\n"))
	for _, a := range res.Attached {
		if a.Bytes < 0 || a.Bytes > len(rest) {
			return res, errors.New("an attachment has not all of its bytes")
		}
		res.Text.Attached = append(res.Text.Attached, Attachment{Name: a.Name, MediaType: a.MediaType, Data: rest[:a.Bytes:a.Bytes]})
		rest = rest[a.Bytes:]
	}
	if len(rest) > 0 {
		return res, errors.New("more follows")
	}
	return res, nil
}

// Main is the child: it takes a request from in, gives up every right it does
// not need, reads the document at descriptor 3 and writes the result to out.
// It returns the exit status of the process, which must end then.
func Main(in io.Reader, out io.Writer) int {
	if err := serve(in, out); err != nil {
		// The parent knows what failed from the missing answer; the message holds nothing of the document.
		fmt.Fprintln(os.Stderr, "parse child:", err)
		return 1
	}
	return 0
}

func serve(in io.Reader, out io.Writer) error {
	runtime.GOMAXPROCS(2)
	var req request
	if err := json.NewDecoder(in).Decode(&req); err != nil {
		return errors.New("the request cannot be read")
	}
	debug.SetMemoryLimit(req.Limits.Memory / 2)
	debug.SetGCPercent(400) // a short life with a small heap
	debug.SetMaxStack(256 << 20)
	if len(req.Exec) > 0 {
		return become(req, out)
	}
	if err := confine(req.Limits, req.CacheDir, req.Warm); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	var reader *engine
	if req.Wait {
		var err error
		if reader, err = awaitDocument(&req); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(out, greeting); err != nil {
		return errors.New("the greeting cannot be written")
	}
	ctx, cancel := context.WithTimeout(context.Background(), req.Limits.Wall)
	defer cancel()
	if req.Draw > 0 {
		data, err := document()
		if err != nil {
			return errors.New("the document cannot be read")
		}
		return drawPage(ctx, out, data, req)
	}
	if err := answer(ctx, req, reader).write(out); err != nil {
		return errors.New("the result cannot be written")
	}
	return nil
}

func document() ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(os.NewFile(documentFD, "document"), 0, 1<<62))
}

// aheadMemory is what a reader may use that is started ahead: enough for 50 MB, if a quarter of all memory is.
func aheadMemory(l Limits) int64 { return min(needs(50<<20, l), l.Memory/4) }

// awaitDocument starts a PDF reader and waits for the document.
func awaitDocument(req *request) (*engine, error) {
	memory, err := newLinear(aheadMemory(req.Limits))
	if err != nil {
		return nil, err
	}
	reader, err := newEngine(context.Background(), memory, req.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	return reader, receive(req)
}

func answer(ctx context.Context, req request, reader *engine) (res response) {
	if req.Warm {
		if err := WarmPDF(ctx, req.CacheDir); err != nil {
			return response{Error: fail(CodeInvalid, "the PDF reader cannot be prepared")}
		}
		return response{Text: &Text{}}
	}
	defer func() {
		if recover() != nil { // its value may hold text of the document
			res = response{Error: broken()}
		}
	}()
	data, err := document()
	if err != nil {
		return response{Error: fail(CodeInvalid, "the stored file cannot be read; upload it again")}
	}
	text, err := Document(ctx, data, req.Name, req.MediaType, Options{Limits: req.Limits, Enclosed: req.Enclosed, CacheDir: req.CacheDir, reader: reader})
	var known *Error
	switch {
	case errors.As(err, &known):
		return response{Error: known}
	case errors.Is(err, context.DeadlineExceeded):
		return response{Error: tooSlow(req.Limits.Wall)}
	case err != nil:
		return response{Error: broken()}
	}
	return response{Text: &text}
}

func broken() *Error {
	return fail(CodeInvalid, "the file is broken and cannot be read; open it in its own program, save it again and upload that")
}

func tooSlow(wall time.Duration) *Error {
	return fail(CodeLimit, "reading the document takes more than the time (%s) or memory it may have; split it, or save it again in its own program", wall)
}
