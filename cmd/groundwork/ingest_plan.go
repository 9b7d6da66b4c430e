package main

import (
	"maps"
	"slices"
	"strings"
)

// changes are what makes a store what a folder is. Paths are sorted.
type changes struct {
	DryRun    bool     `json:"dry_run"`
	Added     []string `json:"added"`
	Replaced  []string `json:"replaced"`
	Labelled  []string `json:"labelled"` // the same content with other attributes or groups
	Removed   []string `json:"removed"`
	Unchanged int      `json:"unchanged"`
}

func (c changes) none() bool {
	return len(c.Added)+len(c.Replaced)+len(c.Labelled)+len(c.Removed) == 0
}

// plan is how to get there.
type plan struct {
	changes
	send []file     // new, changed, or failed for a reason that may have passed
	gone []document // to remove
	wait []document // in the store with the same content, on their way
	ok   int        // in the store with the same content, searchable
	bad  []document // in the store with the same content, failed for good
}

// lasting are the reasons that sending the same content again does not change.
var lasting = []string{"unsupported_file", "invalid_file", "empty_file", "encrypted", "no_text", "parse_limit", "too_large"}

// planFor finds out what to do. The files have their sum where the store
// holds a document of the same path and size. Documents under what could not be
// read stay: nobody knows whether their files are gone.
func planFor(files []file, left []skipped, docs []document, said labels) plan {
	var p plan
	at := map[string][]document{}
	for _, d := range docs {
		at[d.Filename] = append(at[d.Filename], d)
	}
	for _, f := range files {
		held := at[f.path]
		delete(at, f.path)
		same := slices.IndexFunc(held, func(d document) bool { return f.sum != "" && d.SHA256 == f.sum })
		if same < 0 {
			p.send = append(p.send, f)
			if len(held) == 0 {
				p.Added = append(p.Added, f.path)
			} else {
				p.Replaced = append(p.Replaced, f.path)
			}
			continue
		}
		p.gone = append(p.gone, slices.Delete(slices.Clone(held), same, same+1)...) // of the same path, from elsewhere
		p.keep(f, held[same], said)
	}
	for path, held := range at {
		if !under(path, left) {
			p.gone = append(p.gone, held...)
		}
	}
	for _, d := range p.gone {
		p.Removed = append(p.Removed, d.Filename)
	}
	for _, paths := range []*[]string{&p.Added, &p.Replaced, &p.Labelled, &p.Removed} {
		*paths = slices.AppendSeq([]string{}, slices.Values(*paths)) // [] in JSON, not null
		slices.Sort(*paths)
	}
	return p
}

// keep decides about a file whose content the store has.
func (p *plan) keep(f file, d document, said labels) {
	switch {
	case !said.heldBy(d):
		p.send, p.Labelled = append(p.send, f), append(p.Labelled, f.path)
		return
	case d.Status == "ready":
		p.ok++
	case d.Status != "failed":
		p.wait = append(p.wait, d)
	case d.Error != nil && slices.Contains(lasting, d.Error.Code):
		p.bad = append(p.bad, d)
	default:
		p.send = append(p.send, f)
	}
	p.Unchanged++
}

// heldBy tells whether a document has these labels already.
func (l labels) heldBy(d document) bool {
	if l.attributes != nil && !maps.Equal(l.attributes, d.Attributes) { // all are strings, numbers or booleans
		return false
	}
	return l.allow == nil || slices.Equal(slices.Compact(slices.Sorted(slices.Values(l.allow))), slices.Sorted(slices.Values(d.Allow)))
}

// under tells whether a path is one of those that were skipped, or below it.
func under(path string, left []skipped) bool {
	return slices.ContainsFunc(left, func(s skipped) bool { return path == s.Path || strings.HasPrefix(path, s.Path+"/") })
}

// few is how many documents are removed without a question.
const few = 5

// bold tells whether so much would be removed that it may be a mistake: the
// wrong store, the wrong folder, a disk that is not mounted.
func (p plan) bold(files, docs int) bool {
	return len(p.gone) > 0 && (files == 0 || len(p.gone) > max(docs/4, few))
}

// needed are the paths whose files have to be read: those of documents of the same size.
func needed(files []file, docs []document) []int {
	sizes := map[string][]int64{}
	for _, d := range docs {
		sizes[d.Filename] = append(sizes[d.Filename], d.Bytes)
	}
	var at []int
	for i, f := range files {
		if slices.Contains(sizes[f.path], f.size) {
			at = append(at, i)
		}
	}
	return at
}
