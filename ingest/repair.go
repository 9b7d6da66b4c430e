package ingest

import (
	"context"
	"errors"
	"fmt"

	"groundwork/rag"
)

// Mended is an index as Repair changes it.
type Mended interface {
	Index
	Describer
	Mender
}

// Renewer makes documents anew from their originals, or says that it cannot be done.
type Renewer interface {
	// Renew queues a new version from the original; the searchable one answers until
	// it is ready. False: it is on its way already, or gone.
	Renew(ctx context.Context, scope rag.Scope, documentID string) (queued bool, err error)
	// Lose shows the document as failed (rag.CodeOriginal) with a message. Unless sound,
	// its searchable version and all others go, and the caller takes them out of the index.
	// False: it was deleted, or has a newer version, and nothing was done.
	Lose(ctx context.Context, d rag.Document, sound bool, message string) (marked bool, err error)
}

// Repair is what Repairer did.
type Repair struct {
	Audit   Audit   `json:"audit"`   // what was wrong before
	Queued  int     `json:"queued"`  // documents that workers make anew from their originals
	Mended  int     `json:"mended"`  // stores whose full text and statistics were made anew
	Removed int     `json:"removed"` // documents, versions and stores that only the index knew, and originals that nothing refers to
	Lost    []Loss  `json:"lost"`    // documents that cannot be made anew
	Left    []Fault `json:"left"`    // faults that nothing here mends
}

// Loss is a document whose original is missing or damaged; it is shown as failed now.
type Loss struct {
	Tenant   string `json:"tenant"`
	Store    string `json:"store"`
	Document string `json:"document"`
	Path     string `json:"path"`
	Answers  bool   `json:"answers"` // its passages are sound, and searches still find them
}

// OK reports whether everything is mended, or will be when the queued documents are ready.
func (r Repair) OK() bool { return len(r.Lost)+len(r.Left) == 0 && !r.Audit.Truncated }

// Repairer mends what a Verifier finds: it makes documents anew from their
// originals and drops what belongs to none. What is lost with its original it
// says, and lets it answer only while its passages are sound.
type Repairer struct {
	Verifier *Verifier
	Renewer  Renewer
	Index    Mended
	Files    Files
	Locks    Locks // nil: no other process uses the library
}

// place is a document in its store.
type place struct {
	scope    rag.Scope
	document string
}

// plan is what is to be done.
type plan struct {
	rows      map[place]rag.Document
	renew     map[place]bool // made anew from the original
	describe  map[place]bool
	mend      map[rag.Scope]bool
	ghosts    map[place]map[int]bool // staged versions; 0: all of the document; or wholeStore
	originals map[string]bool        // missing or damaged
	fromMail  map[place]bool         // its original comes back with its mail, which is made anew
	left      []Fault
}

// Repair looks and mends once. Look again when the queued documents are ready.
func (r *Repairer) Repair(ctx context.Context) (out Repair, err error) {
	out = Repair{Lost: []Loss{}, Left: []Fault{}}
	if out.Audit, err = r.Verifier.audit(ctx); err != nil {
		return out, err
	}
	p, err := r.plan(ctx, out.Audit.Faults)
	out.Left = append(out.Left, p.left...)
	if err == nil {
		err = errors.Join(r.mend(ctx, p, &out), r.lose(ctx, p, &out), r.orphans(ctx, &out))
	}
	out.Audit.cut()
	return out, err
}

func (r *Repairer) plan(ctx context.Context, faults []Fault) (plan, error) {
	p := plan{rows: map[place]rag.Document{}, renew: map[place]bool{}, describe: map[place]bool{}, mend: map[rag.Scope]bool{},
		ghosts: map[place]map[int]bool{}, originals: map[string]bool{}, fromMail: map[place]bool{}}
	err := r.Verifier.Records.EachDocument(ctx, func(d rag.Document) error {
		p.rows[place{rag.Scope{Tenant: d.Tenant, Store: d.StoreID}, d.ID}] = d
		return nil
	})
	for _, f := range faults {
		at := place{rag.Scope{Tenant: f.Tenant, Store: f.Store}, f.Document}
		_, known := p.rows[at]
		switch {
		case f.Kind == FaultOriginal && f.unread:
			p.left = append(p.left, f)
		case f.Kind == FaultOriginal:
			p.originals[f.Original] = true
		case f.Kind == FaultOrphan:
		case f.Kind == FaultFreq || f.Kind == FaultIndex:
			p.mend[at.scope] = true
		case f.Kind == FaultLabels:
			p.describe[at] = true
		case f.Kind == FaultGhost && f.Document == "" && f.staged != wholeStore: // removing it might remove its store
			p.left = append(p.left, f)
		case f.Kind == FaultGhost && (!known || f.staged > 0):
			if p.ghosts[at] == nil {
				p.ghosts[at] = map[int]bool{}
			}
			if !known && f.staged > 0 {
				f.staged = 0
			}
			p.ghosts[at][f.staged] = true
		case known:
			p.renew[at] = true
		}
	}
	p.lookInMails()
	return p, err
}

// lookInMails finds the lost originals of attachments in mails whose own ones are there.
func (p plan) lookInMails() {
	for at, d := range p.rows {
		in := place{at.scope, d.AttachedTo}
		mail, known := p.rows[in]
		if known && p.originals[d.SHA256] && !p.originals[mail.SHA256] && mail.TakenApart && mail.State.Done() {
			p.renew[in], p.fromMail[at] = true, true
		}
	}
}

// mend drops ghosts, makes anew what an index derives, and queues documents. What
// is derived comes first: entries can only be taken out of lists that are right.
func (r *Repairer) mend(ctx context.Context, p plan, out *Repair) error {
	for scope := range p.mend {
		if err := r.Index.Mend(ctx, scope); err != nil {
			return fmt.Errorf("store %s: %w", scope.Store, err)
		}
		out.Mended++
	}
	for at, versions := range p.ghosts {
		for version := range versions {
			if err := r.exorcise(ctx, at, version); err != nil {
				return fmt.Errorf("remove what only the index knows: %w", err)
			}
			out.Removed++
		}
	}
	for at := range p.describe {
		if err := r.describe(ctx, at); err != nil {
			return fmt.Errorf("document %s: %w", at.document, err)
		}
	}
	for at := range p.renew {
		d := p.rows[at]
		if p.originals[d.SHA256] || d.State == rag.StateFailed && d.LiveVersion > 0 { // lose sees to it
			continue
		}
		queued, err := r.Renewer.Renew(ctx, at.scope, at.document)
		if err != nil {
			return fmt.Errorf("document %s: %w", at.document, err)
		}
		if queued {
			out.Queued++
		}
	}
	return nil
}

// describe tells the index what the document's row says now.
func (r *Repairer) describe(ctx context.Context, at place) error {
	return r.locked(ctx, describeLock(at.scope.Store, at.document), func(ctx context.Context) error {
		d, err := r.Verifier.Records.Document(ctx, at.scope, at.document)
		if rag.CodeOf(err) == rag.CodeNotFound {
			return nil // removed, and what the index holds of it goes
		}
		if err != nil {
			return err
		}
		return r.Index.Describe(ctx, at.scope, Describe(d))
	})
}

func (r *Repairer) exorcise(ctx context.Context, at place, staged int) error {
	switch {
	case staged == wholeStore: // ids of stores are never given twice
		return r.Index.RemoveStore(ctx, at.scope)
	case staged > 0: // nor are versions
		return r.Index.Discard(ctx, at.scope, at.document, staged)
	}
	return r.locked(ctx, documentLock(at.scope.Store, at.document), func(ctx context.Context) error {
		_, err := r.Verifier.Records.Document(ctx, at.scope, at.document)
		if rag.CodeOf(err) != rag.CodeNotFound {
			return err // attached again
		}
		_, _, err = r.Index.Remove(ctx, at.scope, at.document)
		return err
	})
}

// lose marks the documents that cannot be made anew: their original is lost, or
// the newest one was refused and the version before it is damaged.
func (r *Repairer) lose(ctx context.Context, p plan, out *Repair) error {
	marked := map[string]bool{}
	for at, d := range p.rows {
		gone := p.originals[d.SHA256]
		if p.fromMail[at] {
			marked[d.SHA256] = true
			continue
		}
		if !d.State.Done() || !gone && (!p.renew[at] || d.State != rag.StateFailed || d.LiveVersion == 0) {
			continue
		}
		sound := d.LiveVersion > 0 && !p.renew[at]
		done, err := r.loseOne(ctx, at, d, sound, lossMessage(gone, sound))
		if err != nil {
			return fmt.Errorf("document %s: %w", d.ID, err)
		}
		marked[d.SHA256] = true
		if !done {
			continue
		}
		out.Lost = append(out.Lost, Loss{Tenant: d.Tenant, Store: d.StoreID, Document: d.ID, Path: d.Path, Answers: sound})
	}
	for _, f := range out.Audit.Faults {
		if f.Kind == FaultOriginal && !f.unread && !marked[f.Original] {
			out.Left = append(out.Left, f)
		}
	}
	return r.clear(ctx, p)
}

// loseOne marks a document and takes it out of the index unless it is sound. Nobody
// attaches it meanwhile; a new version that somebody sends begins anew.
func (r *Repairer) loseOne(ctx context.Context, at place, d rag.Document, sound bool, message string) (marked bool, err error) {
	err = r.locked(ctx, documentLock(at.scope.Store, at.document), func(ctx context.Context) error {
		if marked, err = r.Renewer.Lose(ctx, d, sound, message); err != nil || !marked || sound {
			return err
		}
		if _, _, err = r.Index.Remove(ctx, at.scope, d.ID); err != nil {
			return err
		}
		now, err := r.Verifier.Records.Document(ctx, at.scope, d.ID)
		if rag.CodeOf(err) == rag.CodeNotFound {
			return nil
		}
		if err == nil && now.Version != d.Version {
			_, err = r.Renewer.Renew(ctx, at.scope, d.ID)
		}
		return err
	})
	return marked, err
}

func lossMessage(gone, sound bool) string {
	message := "the stored original is missing or damaged; upload the document again"
	if !gone {
		message = "the passages of the version before the last were damaged, and the last could not be read; upload the document again"
	}
	if sound {
		message += " (until then its passages, which are sound, go on answering)"
	}
	return message
}

// clear deletes the bytes that are not what their name says: no read gets to
// their end without an error, and an upload of the right ones must not find them there.
func (r *Repairer) clear(ctx context.Context, p plan) error {
	for sum := range p.originals {
		err := r.locked(ctx, contentLock(sum), func(ctx context.Context) error {
			if _, err := r.Verifier.hash(ctx, sum); err == nil || ctx.Err() != nil || !lost(err) {
				return ctx.Err() // somebody brought it back, or nobody can tell
			}
			return r.Files.Delete(ctx, sum)
		})
		if err != nil {
			return fmt.Errorf("delete a damaged original: %w", err)
		}
	}
	return nil
}

// orphans deletes the originals that nothing refers to.
func (r *Repairer) orphans(ctx context.Context, out *Repair) error {
	for _, f := range out.Audit.Faults {
		if f.Kind != FaultOrphan {
			continue
		}
		err := r.locked(ctx, contentLock(f.Original), func(ctx context.Context) error {
			free, err := r.Verifier.Records.Unreferenced(ctx, []string{f.Original})
			if err != nil || len(free) == 0 {
				return err
			}
			out.Removed++
			return r.Files.Delete(ctx, f.Original)
		})
		if err != nil {
			return fmt.Errorf("delete an original that nothing refers to: %w", err)
		}
	}
	return nil
}

func (r *Repairer) locked(ctx context.Context, key string, do func(context.Context) error) error {
	if r.Locks == nil {
		return do(ctx)
	}
	return r.Locks.Exclusive(ctx, key, do)
}
