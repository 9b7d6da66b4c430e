package rag

import (
	"maps"
	"mime"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Attributes are what a caller says of a document, for filters: values are
// string, finite float64 or bool.
type Attributes map[string]any

// What every document has beside its attributes, but for the last. Attributes cannot begin with
// FactPrefix, so the names never clash.
const (
	FactPrefix     = "groundwork."
	FactPath       = "groundwork.path"        // in its store
	FactFilename   = "groundwork.filename"    // the last part of the path
	FactMediaType  = "groundwork.media_type"  // such as text/markdown
	FactCreatedAt  = "groundwork.created_at"  // Unix seconds
	FactAttachedTo = "groundwork.attached_to" // id of the mail; only attachments have it
)

// BuiltIn are the names of what every document has.
func BuiltIn() []string {
	return []string{FactAttachedTo, FactCreatedAt, FactFilename, FactMediaType, FactPath}
}

// Labels are what a caller may say of a document. They belong to the document,
// not to a version of it. A nil field says nothing: a new document has none of
// it then, and one that is there keeps its own.
type Labels struct {
	Attributes Attributes
	Allow      []string // groups whose keys may read it; keys without groups read everything
}

// MaxGroups is how many groups a document or a key may name.
const MaxGroups = 64

// IsGroup tells whether a name can be that of a group.
func IsGroup(name string) bool {
	n := utf8.RuneCountInString(name)
	return n >= 1 && n <= 64 && utf8.ValidString(name) && name == strings.TrimSpace(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// Facts are what filters see of the document: its attributes and what every document has.
func (d Document) Facts() Attributes {
	facts := Attributes{
		FactPath: d.Path, FactFilename: path.Base(d.Path), FactMediaType: mediaType(d.MediaType, d.Path),
		FactCreatedAt: float64(d.CreatedAt.Unix()),
	}
	if d.AttachedTo != "" {
		facts[FactAttachedTo] = d.AttachedTo
	}
	maps.Copy(facts, d.Attributes)
	return facts
}

// byExtension are the media types of files that came without one.
var byExtension = map[string]string{
	".md": "text/markdown", ".markdown": "text/markdown", ".txt": "text/plain", ".html": "text/html", ".htm": "text/html",
	".pdf": "application/pdf", ".csv": "text/csv", ".json": "application/json",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

// unknownType is what clients send for files that they know nothing about.
const unknownType = "application/octet-stream"

// mediaType is the declared one without parameters, else that of the extension.
func mediaType(declared, filename string) string {
	if kind, _, err := mime.ParseMediaType(declared); err == nil && kind != unknownType {
		return kind
	}
	if kind, ok := byExtension[strings.ToLower(path.Ext(filename))]; ok {
		return kind
	}
	return unknownType
}
