package ingest

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"groundwork/rag"
)

// Longest names, in bytes.
const (
	maxName = 255
	maxPath = 4096
)

// CleanPath makes a document's path from what a client sent: slashes, no empty
// or "." parts. Absolute paths, "..", control characters and names of more
// than 255 bytes give rag.CodeInvalid.
func CleanPath(path string) (string, error) {
	refuse := func(why string) (string, error) {
		return "", &rag.Error{Code: rag.CodeInvalid, Param: "filename", Message: "the file name " + why}
	}
	if !utf8.ValidString(path) {
		return refuse("is not valid UTF-8; rename the file")
	}
	if strings.ContainsFunc(path, unicode.IsControl) {
		return refuse("holds control characters; rename the file")
	}
	path = strings.ReplaceAll(path, `\`, "/")
	if strings.HasPrefix(path, "/") || hasDrive(path) {
		return refuse("is an absolute path; send a relative one such as guides/leave.md")
	}
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "" || part == ".":
		case part == "..":
			return refuse(`leads out of the store with ".."; send a path such as guides/leave.md`)
		case len(part) > maxName:
			return refuse("is longer than 255 bytes; rename the file")
		default:
			parts = append(parts, part)
		}
	}
	path = strings.Join(parts, "/")
	if path == "" {
		return refuse("is missing; send one such as guides/leave.md")
	}
	if len(path) > maxPath {
		return refuse("is longer than 4096 bytes with its folders; shorten it")
	}
	return path, nil
}

// hasDrive is true for C:/ and C: paths.
func hasDrive(path string) bool {
	return len(path) >= 2 && path[1] == ':' && (path[0]|0x20 >= 'a' && path[0]|0x20 <= 'z') && (len(path) == 2 || path[2] == '/')
}

// peek tells whether a body is empty without taking anything from it.
func peek(body io.Reader) (io.Reader, bool, error) {
	r := bufio.NewReader(body)
	_, err := r.Peek(1)
	var known *rag.Error
	switch {
	case err == nil:
		return r, false, nil
	case errors.Is(err, io.EOF):
		return r, true, nil
	case errors.As(err, &known):
		return nil, false, err
	}
	return nil, false, &rag.Error{Code: rag.CodeInvalid, Message: "the upload broke off before its end; send the file again", Err: err}
}
