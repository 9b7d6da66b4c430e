package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"groundwork/ingest"
	"groundwork/rag"
)

// passageLife bounds how long a passage is kept: what another process on the
// same database removed is gone from this one's memory after it.
const passageLife = time.Minute

// passageCache keeps the passages that questions loaded lately. A search finds
// up to 200 and reading them is most of its time; a passage never changes, as
// its id stands for document, version and place. What may be found is decided
// by the index before; one is given only to those who may read its document all
// the same, should the index not know yet what was taken away.
//
// It stands in front of the library, and hears from it what is removed or
// replaced: that is forgotten at once.
type passageCache struct {
	ingest.Library
	ingest.Publisher
	ingest.Trash
	ingest.Labeller
	library library
	kept    *lru.Cache[string, *keptPassage] // by the id of the chunk
	now     func() time.Time

	mu    sync.Mutex
	epoch int       // of the last forgetting: what was read before it is not kept
	swept time.Time // when the old ones were last thrown out
}

type keptPassage struct {
	rag.Passage
	scope rag.Scope
	read  time.Time
}

// library is what the cache stands in front of.
type library interface {
	rag.Passages
	ingest.Library
	ingest.Publisher
	ingest.Trash
	ingest.Labeller
	// Family is that of ingest.Attachments.
	Family(ctx context.Context, scope rag.Scope, documentID string) ([]string, error)
}

// newPassageCache keeps size passages at most.
func newPassageCache(l library, size int) (*passageCache, error) {
	kept, err := lru.New[string, *keptPassage](size)
	if err != nil {
		return nil, fmt.Errorf("search.cached_passages: %w", err)
	}
	return &passageCache{Library: l, Publisher: l, Trash: l, Labeller: l, library: l, kept: kept, now: time.Now, swept: time.Now()}, nil
}

// Passages implements rag.Passages.
func (c *passageCache) Passages(ctx context.Context, scope rag.Scope, ids []string) ([]rag.Passage, error) {
	now := c.now()
	epoch := c.sweep(now)
	found, missing := make([]*keptPassage, len(ids)), []string(nil)
	for i, id := range ids {
		if p, ok := c.find(id); ok && p.scope == scope.Whole() && now.Sub(p.read) < passageLife && scope.Only.Reads(p.Allow) {
			found[i] = p
		} else {
			missing = append(missing, id)
		}
	}
	var read []rag.Passage
	if len(missing) > 0 {
		var err error
		if read, err = c.library.Passages(ctx, scope, missing); err != nil {
			return nil, err
		}
		for i := range read {
			read[i] = read[i].Kept()
		}
		c.keep(scope, read, epoch, now)
	}
	out := make([]rag.Passage, 0, len(ids))
	for i, id := range ids {
		switch {
		case found[i] != nil:
			out = append(out, found[i].Passage)
		case len(read) > 0 && read[0].ChunkID == id: // the library keeps the order and leaves out what it does not know
			out, read = append(out, read[0]), read[1:]
		}
	}
	return out, nil
}

// find looks for a passage. That it was used is noted one time in eight: what
// is used often stays all the same, and noting costs more than looking.
func (c *passageCache) find(id string) (*keptPassage, bool) {
	if rand.Uint32()%8 == 0 { //nolint:gosec // no secret hangs on it
		return c.kept.Get(id)
	}
	return c.kept.Peek(id)
}

// keep enters what was read, unless something was removed meanwhile.
func (c *passageCache) keep(scope rag.Scope, read []rag.Passage, epoch int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	for _, p := range read {
		c.kept.Add(p.ChunkID, &keptPassage{p, scope.Whole(), now})
	}
}

// sweep throws the old ones out now and then, and gives the epoch.
func (c *passageCache) sweep(now time.Time) (epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.swept) >= passageLife {
		c.swept = now
		c.drop(func(p *keptPassage) bool { return now.Sub(p.read) >= passageLife })
	}
	return c.epoch
}

// forget drops what fits, and what is being read at this moment.
func (c *passageCache) forget(fits func(*keptPassage) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.drop(fits)
}

func (c *passageCache) drop(fits func(*keptPassage) bool) {
	for _, id := range c.kept.Keys() {
		if p, ok := c.kept.Peek(id); ok && fits(p) {
			c.kept.Remove(id)
		}
	}
}

func (c *passageCache) forgetDocument(scope rag.Scope, id string) {
	c.forget(func(p *keptPassage) bool { return p.scope == scope.Whole() && p.DocumentID == id })
}

// forgetFamily forgets a document and what is attached to it.
func (c *passageCache) forgetFamily(ctx context.Context, scope rag.Scope, id string) {
	ids, err := c.library.Family(context.WithoutCancel(ctx), scope.Whole(), id)
	family := map[string]bool{id: true}
	for _, id := range ids {
		family[id] = true
	}
	c.forget(func(p *keptPassage) bool { return p.scope == scope.Whole() && (err != nil || family[p.DocumentID]) })
}

// forgetTargets forgets what was removed.
func (c *passageCache) forgetTargets(r ingest.Removal) {
	gone := make(map[ingest.Target]bool, len(r.Targets))
	for _, t := range r.Targets {
		gone[t] = true
	}
	if len(gone) > 0 {
		c.forget(func(p *keptPassage) bool {
			return p.scope.Tenant == r.Tenant && (gone[ingest.Target{StoreID: p.scope.Store, DocumentID: p.DocumentID}] || gone[ingest.Target{StoreID: p.scope.Store}])
		})
	}
}

// Accept implements ingest.Library: what is said of a document stands beside its passages.
func (c *passageCache) Accept(ctx context.Context, a ingest.Accepted) (rag.Document, bool, error) {
	doc, created, err := c.Library.Accept(ctx, a)
	if a.Labels.Attributes != nil || a.Labels.Allow != nil {
		c.forgetFamily(ctx, rag.Scope{Tenant: a.Tenant, Store: a.StoreID}, doc.ID)
	}
	return doc, created, err
}

// Label implements ingest.Labeller.
func (c *passageCache) Label(ctx context.Context, scope rag.Scope, documentID string, l rag.Labels) (rag.Document, error) {
	doc, err := c.Labeller.Label(ctx, scope, documentID, l)
	c.forgetFamily(ctx, scope, documentID)
	return doc, err
}

// Ready implements ingest.Publisher: the older version goes, and what was attached to it only.
func (c *passageCache) Ready(ctx context.Context, ref ingest.Ref) (ingest.Superseded, error) {
	old, err := c.Publisher.Ready(ctx, ref)
	c.forgetDocument(ref.Scope(), ref.DocumentID)
	for _, r := range old.Removals {
		c.forgetTargets(r)
	}
	return old, err
}

// Remove implements ingest.Trash.
func (c *passageCache) Remove(ctx context.Context, scope rag.Scope, documentID string) (ingest.Removal, error) {
	r, err := c.Trash.Remove(ctx, scope, documentID)
	c.forgetDocument(scope, documentID) // also when nobody knows whether it was removed
	c.forgetTargets(r)
	return r, err
}

// RemoveFile implements ingest.Trash.
func (c *passageCache) RemoveFile(ctx context.Context, tenant, fileID string) (ingest.Removal, error) {
	r, err := c.Trash.RemoveFile(ctx, tenant, fileID)
	c.forget(func(p *keptPassage) bool { return p.scope.Tenant == tenant && p.DocumentID == fileID })
	c.forgetTargets(r)
	return r, err
}

// RemoveStore implements ingest.Trash.
func (c *passageCache) RemoveStore(ctx context.Context, scope rag.Scope) (ingest.Removal, error) {
	r, err := c.Trash.RemoveStore(ctx, scope)
	c.forget(func(p *keptPassage) bool { return p.scope == scope.Whole() })
	return r, err
}

// Pending implements ingest.Trash: a removal may have begun elsewhere, or nobody heard that it had.
func (c *passageCache) Pending(ctx context.Context, tenant, removalID string) (ingest.Removal, error) {
	r, err := c.Trash.Pending(ctx, tenant, removalID)
	c.forgetTargets(r)
	return r, err
}
