package main

import (
	"slices"
)

// leaving are the documents of a plan that may go: none while something is on its way, nor what has the content of a
// file that did not become searchable. It may have been renamed, and would be found nowhere.
func (t *transfer) leaving(p plan) []document {
	if t.left() > 0 {
		return nil
	}
	missing := map[string]bool{} // sums
	for _, d := range t.r.Failed {
		missing[d.SHA256] = d.SHA256 != ""
	}
	for _, f := range p.send {
		if !t.taken[f.path] && slices.ContainsFunc(p.gone, func(d document) bool { return d.Bytes == f.size }) {
			sum, err := sumOf(f)
			if err != nil { // then it may be any of that size
				return nil
			}
			missing[sum] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(p.gone), func(d document) bool { return missing[d.SHA256] })
}

// narrow leaves of what was planned what was done: the files that the server made documents of, and the documents
// that were removed.
func (c *changes) narrow(taken map[string]bool, gone []document) {
	for _, paths := range []*[]string{&c.Added, &c.Replaced, &c.Labelled} {
		*paths = slices.DeleteFunc(*paths, func(path string) bool { return !taken[path] })
	}
	c.Removed = []string{}
	for _, d := range gone {
		c.Removed = append(c.Removed, d.Filename)
	}
	slices.Sort(c.Removed)
}
