package local

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// fillRows is the size up to which a store's lists are read as a whole: the
// search that does it waits about 10 µs a row.
const fillRows = 32 << 10

// fill brings all posting lists of a store into memory, when they take no more
// than half of the cache. Every question has words that few others had; reading
// such a list from FTS5 takes as long as all the rest of a search. It is tried
// once, and not at all while the cache is full of other stores' lists: where many
// tenants ask, filling for one would drive out what the others come back for. The caller holds the store's lock for reading, so the rows stay as they are.
func (x *Index) fill(ctx context.Context, s *store) error {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	if s.filled || s.live() > fillRows || !x.cache.roomy() {
		return nil
	}
	lists, err := s.readLists(ctx, x.read, x.cache.limit/2)
	if err != nil {
		return err
	}
	s.filled = true
	if lists != nil {
		x.cache.putAll(s.id, lists)
	}
	return nil
}

// refill makes the next search read the lists again.
func (s *store) refill() {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	s.filled = false
}

// readLists makes the lists from the terms of the rows; nil when they take more
// than limit bytes.
func (s *store) readLists(ctx context.Context, db *sql.DB, limit int) (map[string][]posting, error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf(`SELECT rowid, terms FROM terms_%d ORDER BY rowid`, s.id))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	lists, size, ordinal := map[string][]posting{}, 0, -1
	for rows.Next() {
		var id int64
		var joined string
		if err := rows.Scan(&id, &joined); err != nil {
			return nil, err
		}
		if ordinal = s.ordinal(id, ordinal+1); ordinal < 0 || !s.rows[ordinal].live() {
			return nil, notInIndex(id)
		}
		for term := range strings.SplitSeq(joined, " ") {
			if term == "" {
				continue
			}
			old := lists[term]
			list := count(old, ordinal)
			switch {
			case old == nil:
				term = strings.Clone(term) // a part of the row's text would keep all of it
				size += listSize(term, list)
			case cap(list) > cap(old):
				size += listSize(term, list) - listSize(term, old)
			}
			lists[term] = list
		}
		if size > limit {
			return nil, nil
		}
	}
	return lists, rows.Err()
}

func notInIndex(id int64) error {
	return fmt.Errorf("the full text names chunk %d, which is not in the index", id)
}
