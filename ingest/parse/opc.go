package parse

import (
	"encoding/xml"
	"path"
	"strings"
)

// relation is what a part of an Office package points at: the last word of the
// relation's type, and the part.
type relation struct{ kind, part string }

// relations are those of a part, or of the package ("/"), by their ids. Targets outside the package are left out.
func (a *archive) relations(part string, depth int) (map[string]relation, error) {
	found := map[string]relation{}
	dir, file := path.Split(part)
	err := a.xml(strings.TrimPrefix(path.Join(dir, "_rels", file+".rels"), "/"), depth, func(x *xmlReader) error {
		return each(x, func(e xml.StartElement) error {
			target := attrOf(e, "Target")
			if attrOf(e, "TargetMode") == "External" || target == "" {
				return x.skip()
			}
			if !strings.HasPrefix(target, "/") {
				target = path.Join("/", dir, target)
			}
			kind := attrOf(e, "Type")
			found[attrOf(e, "Id")] = relation{kind: kind[strings.LastIndexByte(kind, '/')+1:], part: strings.TrimPrefix(path.Clean(target), "/")}
			return x.skip()
		})
	})
	return found, err
}

// document is the part that the package names as its main one.
func (a *archive) document(depth int) (string, error) {
	all, err := a.relations("/", depth)
	for _, r := range all {
		if r.kind == "officeDocument" && a.has(r.part) {
			return r.part, err
		}
	}
	return "", err
}

// refOf is the id of a relation that an element refers to: r:id, r:embed.
func refOf(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && strings.HasSuffix(a.Name.Space, "/relationships") {
			return a.Value
		}
	}
	return ""
}
