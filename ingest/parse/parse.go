// Package parse turns a file into text: see Supported. Files are hostile until shown otherwise, so a Runner
// reads each one in a child process with limits, and Main is that child.
package parse

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Text is what was read out of a file.
type Text struct {
	// Body is valid UTF-8 with \n line ends, without control characters (but
	// \n and \t), invisible formatting characters and outer byte-order mark.
	Body  string `json:"body"`
	Title string `json:"title"` // one line; empty when the file names none
	Marks []Mark `json:"marks"` // in order of Start

	Attached []Attachment `json:"-"` // with Options.Enclosed: what was attached to the message
}

// Mark says something about a stretch of Body. Start and End are byte offsets
// on rune boundaries, Start < End.
type Mark struct {
	Kind  Kind   `json:"kind"`
	Start int    `json:"start"`
	End   int    `json:"end"`
	Level int    `json:"level,omitempty"` // of a heading, 1 to 6
	Page  int    `json:"page,omitempty"`  // for KindPage, from 1
	Label string `json:"label,omitempty"` // of a heading: its text without markup; of a table: its header row, cells joined by " | "; of a page: a slide's title
}

// Kind is the kind of a Mark.
type Kind string

// The kinds. A heading covers its own lines; a page, table or code block covers its whole extent.
const (
	KindHeading Kind = "heading"
	KindPage    Kind = "page"
	KindTable   Kind = "table"
	KindCode    Kind = "code"
)

// Code says why a file gave no text.
type Code string

// The codes.
const (
	CodeUnsupported Code = "unsupported_file"
	CodeInvalid     Code = "invalid_file"
	CodeEncrypted   Code = "encrypted"
	CodeNoText      Code = "no_text"    // pages without a text layer
	CodeEmpty       Code = "empty_file" // no bytes, or nothing to read in them
	CodeLimit       Code = "parse_limit"
	CodeTooLarge    Code = "too_large" // more text than Limits.Text
)

// Error is why a file will never give text. Message is a sentence for the
// person who uploaded it; it ends with what to do and holds nothing of the file.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

func fail(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Limits bound the reading of one file. All must be more than 0.
type Limits struct {
	CPU         time.Duration `json:"cpu"`         // of the child; whole seconds
	Wall        time.Duration `json:"wall"`        // of the child
	Memory      int64         `json:"memory"`      // bytes of the child's address space; below 1 GB it cannot start
	OutputFile  int64         `json:"output_file"` // bytes of the largest file that the child may write
	Descriptors int           `json:"descriptors"` // of the child
	Text        int           `json:"text"`        // bytes of Text.Body
	Pages       int           `json:"pages"`
	Unpacked    int64         `json:"unpacked"` // bytes; also 100 times the file after the first megabyte
	Entries     int           `json:"entries"`  // of a zip file
	Depth       int           `json:"depth"`    // nesting of XML, HTML and JSON
	Cells       int           `json:"cells"`    // of all tables of a workbook, empty ones between others included

	Attachments   int   `json:"attachments"`    // files that are taken out of one message
	AttachedBytes int64 `json:"attached_bytes"` // of all of them together
}

// maxMarks is far more than a document that people read has.
const maxMarks = 100_000

// Options is how Document reads.
type Options struct {
	Limits   Limits
	Enclosed bool   // take out what is attached to a message (Text.Attached) instead of reading it as part of the message
	CacheDir string // holds the compiled PDF reader, which saves seconds and much memory; empty: it is compiled each time

	inside int     // how many documents this one lies in
	reader *engine // that was started ahead, for one PDF
}

// Document reads a file in this process: only for tests and for the child,
// because nothing stops a reader that hangs. Name and mediaType (as declared)
// help where the content does not say what it is. The error is an *Error, or
// ctx's.
func Document(ctx context.Context, data []byte, name, mediaType string, opt Options) (Text, error) {
	format, err := Detect(data, name, mediaType)
	if err != nil {
		return Text{}, err
	}
	var text Text
	switch format {
	case Markdown:
		text, err = readMarkdown(data, mediaType, opt.Limits)
	case Plain:
		text, err = readPlain(data, mediaType, opt.Limits)
	case HTML:
		text, err = readHTML(data, mediaType, opt.Limits)
	case PDF:
		text, err = readPDF(ctx, data, opt)
	case DOCX:
		text, err = readDOCX(data, opt.Limits)
	case CSV:
		text, err = readCSV(data, mediaType, opt.Limits)
	case PPTX:
		text, err = readPPTX(data, opt.Limits)
	case EML:
		text, err = readEML(ctx, data, opt)
	case MSG:
		text, err = readMSG(ctx, data, opt)
	case ODF:
		text, err = readODF(data, opt.Limits)
	case EPUB:
		text, err = readEPUB(data, opt.Limits)
	case JSON:
		text, err = readJSON(data, mediaType, opt.Limits)
	case Adoc:
		text, err = readAdoc(data, mediaType, opt.Limits)
	case RST:
		text, err = readRST(data, mediaType, opt.Limits)
	case RTF:
		text, err = readRTF(data, opt.Limits)
	case XLSX:
		text, err = readXLSX(data, opt.Limits)
	}
	if err != nil {
		return Text{}, asError(err)
	}
	if err := check(text, opt.Limits); err != nil {
		return Text{}, err
	}
	return text, nil
}

func asError(err error) error {
	var e *Error
	if errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return broken()
}

func tooLarge(limit int) *Error {
	return fail(CodeTooLarge, "the document holds more than %s of text; split it into smaller documents", size(int64(limit)))
}

func tooDeep(limit int) *Error {
	return fail(CodeLimit, "the document is nested more than %d levels deep; save it again in its own program, or upload it as plain text", limit)
}

func size(bytes int64) string {
	if bytes >= 1<<20 {
		return fmt.Sprintf("%d MB", bytes>>20)
	}
	return fmt.Sprintf("%d KB", bytes>>10)
}
