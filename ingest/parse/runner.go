package parse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Runner reads documents, each in a child process of its own. Fill in the
// fields, then use it from any number of goroutines.
type Runner struct {
	Exe      []string // program and arguments that end up in Main
	Limits   Limits
	CacheDir string // for the compiled PDF reader; made when it is missing
	OCR      OCR
	Ahead    time.Duration // how long a child with its PDF reader ready waits for the next PDF; 0: none does. End it with Close

	warming sync.Mutex
	warm    bool
	next    ahead
}

// Parse reads file in a child process. Name and mediaType (as declared) help
// where the content does not say what it is. An *Error says that the file will
// never give text; any other error says nothing about it.
func (r *Runner) Parse(ctx context.Context, name, mediaType string, file io.ReadSeeker) (Text, error) {
	return r.read(ctx, request{Name: name, MediaType: mediaType}, file)
}

// TakeApart is Parse with Options.Enclosed.
func (r *Runner) TakeApart(ctx context.Context, name, mediaType string, file io.ReadSeeker) (Text, error) {
	return r.read(ctx, request{Name: name, MediaType: mediaType, Enclosed: true}, file)
}

func (r *Runner) read(ctx context.Context, req request, file io.ReadSeeker) (Text, error) {
	doc, done, err := plainFile(file)
	if err != nil {
		return Text{}, fmt.Errorf("hand the document over: %w", err)
	}
	defer done()
	req.Limits = r.Limits
	if mayHoldPDF(doc) {
		if req.CacheDir, err = r.cache(ctx); err != nil {
			return Text{}, err
		}
	}
	read := r.run
	if isPDF(doc) && !mayBeMail(doc) && mayWait(doc, r.Limits) {
		read = r.readPDF
	}
	text, err := read(ctx, req, doc)
	var none *Error
	if len(r.OCR.Command) > 0 && errors.As(err, &none) && none.Code == CodeNoText {
		return r.recognise(ctx, req, doc, none)
	}
	return text, err
}

// plainFile gives file as one of the operating system, without a name when it has to be made.
func plainFile(file io.ReadSeeker) (doc *os.File, done func(), err error) {
	if f, ok := file.(*os.File); ok {
		return f, func() {}, nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	if doc, err = os.CreateTemp("", "document-*"); err != nil {
		return nil, nil, err
	}
	done = func() { _ = doc.Close() } // it was only read
	if err = os.Remove(doc.Name()); err == nil {
		_, err = io.Copy(doc, file)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return doc, done, nil
}

// mayHoldPDF is true for a PDF, and for a message, which may have one attached.
func mayHoldPDF(f *os.File) bool { return isPDF(f) || mayBeMail(f) }

func mayBeMail(f *os.File) bool {
	start := head(f)
	return bytes.HasPrefix(start, []byte(oleMagic)) || sender.MatchString(decode(start, "")) || envelope.Match(start)
}

func isPDF(f *os.File) bool { return bytes.Contains(head(f), []byte("%PDF-")) }

// head is how a file begins; nothing of one that cannot be read.
func head(f *os.File) []byte {
	start := make([]byte, 1024)
	n, err := f.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return start[:n]
}

// Warm compiles the PDF reader into CacheDir, which takes seconds the first
// time. Without it the first PDF does; a server may call it as soon as it runs.
func (r *Runner) Warm(ctx context.Context) error {
	_, err := r.cache(ctx)
	return err
}

// cache gives the directory of the compiled PDF reader, filled. A child of its
// own fills it, because a child that reads a document must not write what later ones run.
func (r *Runner) cache(ctx context.Context) (string, error) {
	r.warming.Lock()
	defer r.warming.Unlock()
	if r.warm {
		return r.CacheDir, nil
	}
	if err := os.MkdirAll(r.CacheDir, 0o700); err != nil {
		return "", fmt.Errorf("make the parser's cache: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return "", err
	}
	defer null.Close() // it was only read
	// No document is near: only the time of this machine matters, and the
	// compiler wants more address space than any document.
	l := r.Limits
	l.CPU, l.Wall, l.Memory = 4*l.CPU, 4*l.Wall, max(l.Memory, 4<<30)
	if _, err := r.run(ctx, request{Limits: l, CacheDir: r.CacheDir, Warm: true}, null); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		var e *Error
		if errors.As(err, &e) { // about the reader, not about the document
			return "", fmt.Errorf("prepare the PDF reader: %s", e.Message)
		}
		return "", err
	}
	r.warm = true
	return r.CacheDir, nil
}

// run starts a child for one request and waits for its end.
func (r *Runner) run(ctx context.Context, req request, doc *os.File) (Text, error) {
	most := r.most()
	if req.Enclosed {
		most += int(r.Limits.AttachedBytes) + r.Limits.Attachments*4*maxName
	}
	end, err := r.start(ctx, req, doc, most)
	if err != nil {
		return Text{}, err
	}
	text, err := r.result(end)
	if err == nil && len(text.Attached) > 0 && !req.Enclosed {
		return Text{}, broken()
	}
	return text, err
}

// most is how much a child may write of a text: JSON writes a byte as two at most, and marks are small.
func (r *Runner) most() int { return 2*r.Limits.Text + maxMarks*200 }

// ended is what a child has left behind.
type ended struct {
	out   []byte
	note  string
	state *os.ProcessState
	err   error // of its end
}

// start lets a child work on one request until its end, and keeps at most limit bytes of what it writes.
func (r *Runner) start(ctx context.Context, req request, doc *os.File, limit int) (ended, error) {
	c, err := r.begin(req, doc, limit)
	if err != nil {
		return ended{}, err
	}
	go c.run()
	return r.await(ctx, c, req.Limits.Wall)
}

// result judges what a child has left behind.
func (r *Runner) result(end ended) (Text, error) {
	failed := end.err
	body, greeted := bytes.CutPrefix(end.out, []byte(greeting))
	switch {
	case !greeted && failed != nil:
		return Text{}, fmt.Errorf("start the parser: %w", failed)
	case !greeted:
		return Text{}, errors.New("start the parser: the program is not one")
	case failed != nil && (killed(end.state) || outOfMemory(end.note)):
		return Text{}, tooSlow(r.Limits.Wall)
	case failed != nil:
		return Text{}, broken()
	}
	res, err := readResponse(body)
	if err != nil {
		return Text{}, broken()
	}
	if res.Error != nil {
		return Text{}, known(res.Error)
	}
	if err := check(*res.Text, r.Limits); err != nil {
		var e *Error
		if errors.As(err, &e) {
			return Text{}, e
		}
		return Text{}, broken()
	}
	return *res.Text, nil
}

// known passes on an error of the child's, which is not trusted: a code we know and a short sentence.
func known(e *Error) *Error {
	switch e.Code {
	case CodeUnsupported, CodeInvalid, CodeEncrypted, CodeNoText, CodeEmpty, CodeLimit, CodeTooLarge:
		return &Error{Code: e.Code, Message: oneLine(e.Message)}
	}
	return broken()
}

// outOfMemory reads a crash report of the Go runtime.
func outOfMemory(note string) bool {
	for _, sign := range []string{"out of memory", "cannot allocate memory", "stack overflow", "stack exceeds", "pthread_create failed"} {
		if strings.Contains(note, sign) {
			return true
		}
	}
	return false
}

// bounded keeps up to limit bytes and then calls full once and swallows the rest.
type bounded struct {
	kept  bytes.Buffer // not embedded, or io.Copy would fill it past the limit
	limit int
	over  bool
	full  func()
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.over {
		return len(p), nil
	}
	if b.kept.Len()+len(p) > b.limit {
		b.over = true
		if b.full != nil {
			b.full()
		}
		return len(p), nil
	}
	return b.kept.Write(p)
}
