package local

import (
	"container/list"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
)

// A posting says how often a term occurs in a row: the row's ordinal and, in
// the low byte, the count. More than 255 occurrences count as 255.
type posting uint32

const (
	countBits = 8
	maxCount  = 1<<countBits - 1
	maxRows   = 1 << (32 - countBits) // in one store
)

func (p posting) ordinal() int { return int(p >> countBits) }
func (p posting) count() int   { return int(p & maxCount) }

// count adds one occurrence in a row to a list of which it is the last.
func count(list []posting, ordinal int) []posting {
	last := len(list) - 1
	switch {
	case last < 0 || list[last].ordinal() != ordinal:
		return append(list, posting(ordinal<<countBits|1))
	case list[last].count() < maxCount:
		list[last]++
	}
	return list
}

// termCache keeps posting lists read from FTS5, the least recently used go
// first. Lists hold live rows only: the writer adds and removes rows while it
// holds the store's lock, readers fill while they hold it for reading.
type termCache struct {
	limit int // bytes

	mu     sync.Mutex
	used   int
	recent *list.List // of *termList, latest first
	lists  map[int64]map[string]*list.Element
	whole  map[int64]bool // stores of which every list is here: a term without one is in no row
}

type termList struct {
	store    int64
	term     string
	postings []posting
	size     int
}

func newTermCache(limit int) *termCache {
	return &termCache{limit: limit, recent: list.New(), lists: map[int64]map[string]*list.Element{}, whole: map[int64]bool{}}
}

func (c *termCache) get(store int64, term string) ([]posting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.lists[store][term]
	if !ok {
		return nil, c.whole[store]
	}
	c.recent.MoveToFront(e)
	return e.Value.(*termList).postings, true
}

func (c *termCache) put(store int64, term string, postings []posting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.lists[store][term]; ok {
		return // another search was faster
	}
	c.enter(&termList{store: store, term: term, postings: postings})
}

// putAll enters every list of a store.
func (c *termCache) putAll(store int64, lists map[string][]posting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole[store] = true // until one of them has to go
	for term, postings := range lists {
		if _, ok := c.lists[store][term]; !ok {
			c.enter(&termList{store: store, term: term, postings: postings})
		}
	}
}

func (c *termCache) enter(l *termList) {
	if c.lists[l.store] == nil {
		c.lists[l.store] = map[string]*list.Element{}
	}
	c.lists[l.store][l.term] = c.recent.PushFront(l)
	c.resize(l)
}

// listSize is about what a list costs, in bytes.
func listSize(term string, postings []posting) int {
	const posting, overhead = 4, 256 // the latter for list and map entries
	return overhead + len(term) + posting*cap(postings)
}

// resize accounts for l and makes room.
func (c *termCache) resize(l *termList) {
	c.used -= l.size
	l.size = listSize(l.term, l.postings)
	c.used += l.size
	for c.used > c.limit && c.recent.Len() > 0 {
		oldest := c.recent.Back()
		delete(c.whole, oldest.Value.(*termList).store)
		c.drop(oldest)
	}
}

// roomy tells that at least half of the cache is free.
func (c *termCache) roomy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used <= c.limit/2
}

func (c *termCache) drop(e *list.Element) {
	l := c.recent.Remove(e).(*termList)
	c.used -= l.size
	delete(c.lists[l.store], l.term)
	if len(c.lists[l.store]) == 0 {
		delete(c.lists, l.store)
	}
}

// dropStore forgets all lists of a store.
func (c *termCache) dropStore(store int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.whole, store)
	for _, e := range c.lists[store] {
		c.drop(e)
	}
}

// addRow enters a new row, later than all others, into the lists that are kept.
func (c *termCache) addRow(store int64, ordinal int, joined string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lists[store]) == 0 && !c.whole[store] {
		return
	}
	for term := range strings.SplitSeq(joined, " ") {
		if e, ok := c.lists[store][term]; ok {
			l := e.Value.(*termList)
			l.postings = count(l.postings, ordinal)
			c.resize(l)
		} else if c.whole[store] && term != "" {
			c.enter(&termList{store: store, term: strings.Clone(term), postings: count(nil, ordinal)})
		}
	}
}

// removeRows takes rows that are no longer live out of the lists. Of a store
// that is here as a whole, terms that no row has any more go too.
func (c *termCache) removeRows(s *store) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.lists[s.id] {
		l := e.Value.(*termList)
		kept := l.postings[:0]
		for _, p := range l.postings {
			if s.rows[p.ordinal()].live() {
				kept = append(kept, p)
			}
		}
		if l.postings = kept; len(kept) == 0 && c.whole[s.id] {
			c.drop(e)
		}
	}
}

// postings gives the rows that hold the encoded term, in order. The caller
// holds the store's lock for reading.
func (x *Index) postings(ctx context.Context, s *store, term string) ([]posting, error) {
	if out, ok := x.cache.get(s.id, term); ok {
		return out, nil
	}
	if err := x.fill(ctx, s); err != nil {
		return nil, fmt.Errorf("read all postings: %w", err)
	}
	if out, ok := x.cache.get(s.id, term); ok {
		return out, nil
	}
	ids, err := s.readPostings(ctx, x.read, term)
	if err != nil {
		return nil, fmt.Errorf("read postings: %w", err)
	}
	out, err := s.parsePostings(ids)
	if err != nil {
		return nil, err
	}
	x.cache.put(s.id, term, out)
	return out, nil
}

// readPostings gives the ids of the rows with a term in one string, which takes
// a third of the time that a row for each posting does. FTS5 names a row once
// for each occurrence, in the order of ids.
func (s *store) readPostings(ctx context.Context, db *sql.DB, term string) (string, error) {
	if err := s.prepare(ctx, db); err != nil {
		return "", err
	}
	var ids sql.NullString
	err := s.lists.QueryRowContext(ctx, term).Scan(&ids)
	return ids.String, err
}

func (s *store) prepare(ctx context.Context, db *sql.DB) (err error) {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	if s.lists == nil {
		s.lists, err = db.PrepareContext(ctx, fmt.Sprintf(`SELECT group_concat(doc, ' ') FROM postings_%d WHERE term = ?`, s.id))
	}
	return err
}

// close gives back what the store holds besides memory.
func (s *store) close() error {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	if s.lists == nil {
		return nil
	}
	return s.lists.Close()
}

func (s *store) parsePostings(ids string) ([]posting, error) {
	var (
		out     []posting
		last    int64
		ordinal = -1 // of the row with the id last
	)
	for ids != "" {
		var id int64
		i := 0
		for ; i < len(ids) && ids[i] != ' '; i++ {
			id = id*10 + int64(ids[i]-'0')
		}
		ids = ids[min(i+1, len(ids)):]
		if id != last || ordinal < 0 {
			last, ordinal = id, s.ordinal(id, ordinal+1)
		}
		if ordinal < 0 || !s.rows[ordinal].live() {
			return nil, notInIndex(id)
		}
		out = count(out, ordinal)
	}
	return out, nil
}
