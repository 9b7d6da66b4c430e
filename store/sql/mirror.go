package sql

import (
	"context"
	"fmt"

	"groundwork/ingest"
	"groundwork/rag"
)

// Mirror queues, in a library of its own beside another one, every document of
// the other that this one does not hold as it is there now; workers of this
// one then make its text and chunks anew. A document gets a version that the other
// never gave it. What is said of documents follows. It returns how many were queued,
// and those that this library holds and the other does not hold any more.
func (s *Store) Mirror(ctx context.Context, of *Store) (queued int, gone []rag.Document, err error) {
	known, err := documentsByKey(ctx, s)
	if err != nil {
		return 0, nil, err
	}
	versions, err := of.lastVersions(ctx)
	if err != nil {
		return 0, nil, err
	}
	stores := map[string]bool{}
	err = of.EachStore(ctx, func(st rag.Store) error {
		stores[st.ID] = true
		return s.mirrorStore(ctx, st)
	})
	if err != nil {
		return 0, nil, err
	}
	each := func(d rag.Document) error {
		mine, held := known[keyOf(d)]
		delete(known, keyOf(d))
		last, there := versions[d.ID]
		if !there || !stores[d.StoreID] { // it came since, or went: the next call tells
			return nil
		}
		anew := !held || mine.SHA256 != d.SHA256 || mine.Version <= d.Version || mine.TakenApart != d.TakenApart
		if anew {
			queued++
		} else if ingest.Describe(mine).Mark() == ingest.Describe(d).Mark() {
			return nil
		}
		return s.mirrorDocument(ctx, d, last, anew)
	}
	var attached []rag.Document // they are read with the names of their mails: those come first
	err = of.EachDocument(ctx, func(d rag.Document) error {
		if d.AttachedTo == "" {
			return each(d)
		}
		attached = append(attached, d)
		return nil
	})
	attached = mailsFirst(attached)
	for i := 0; i < len(attached) && err == nil; i++ {
		err = each(attached[i])
	}
	for _, d := range known {
		gone = append(gone, d)
	}
	return queued, gone, err
}

// mailsFirst puts each document behind the one that it is attached to.
func mailsFirst(waiting []rag.Document) (out []rag.Document) {
	for len(waiting) > 0 {
		held := map[documentKey]bool{}
		for _, d := range waiting {
			held[keyOf(d)] = true
		}
		var next []rag.Document
		for _, d := range waiting {
			if held[documentKey{d.StoreID, d.AttachedTo}] {
				next = append(next, d)
			} else {
				out = append(out, d)
			}
		}
		if len(next) == len(waiting) {
			return append(out, next...)
		}
		waiting = next
	}
	return out
}

// documentKey names a document across stores.
type documentKey struct{ store, id string }

func keyOf(d rag.Document) documentKey { return documentKey{d.StoreID, d.ID} }

func documentsByKey(ctx context.Context, s *Store) (map[documentKey]rag.Document, error) {
	out := map[documentKey]rag.Document{}
	err := s.EachDocument(ctx, func(d rag.Document) error {
		out[keyOf(d)] = d
		return nil
	})
	return out, err
}

// lastVersions are the highest that were given to documents of each file.
func (s *Store) lastVersions(ctx context.Context) (map[string]int, error) {
	out := map[string]int{}
	err := s.read(ctx, "read versions", func(ctx context.Context, q querier) error {
		_, err := collect(ctx, q, func(row scanner) (struct{}, error) {
			var id string
			var version int
			err := row.Scan(&id, &version)
			out[id] = version
			return struct{}{}, err
		}, "SELECT id, last_version FROM files")
		return err
	})
	return out, err
}

func (s *Store) mirrorStore(ctx context.Context, st rag.Store) error {
	return s.write(ctx, "mirror a store", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, `INSERT INTO stores (id, tenant, name, metadata, created_at) VALUES (?, ?, ?, '{}', ?) ON CONFLICT (id) DO NOTHING`,
			st.ID, st.Tenant, st.ID, st.CreatedAt.UnixMicro()) // names may be swapped there; nothing here needs them
	})
}

func (s *Store) mirrorDocument(ctx context.Context, d rag.Document, last int, anew bool) error {
	return s.write(ctx, "mirror a document", func(ctx context.Context, tx *txn) error {
		err := tx.exec(ctx, `INSERT INTO files (id, tenant, filename, purpose, sha256, bytes, media_type, owned, last_version, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
			ON CONFLICT (id) DO UPDATE SET sha256 = EXCLUDED.sha256, bytes = EXCLUDED.bytes, last_version = CASE WHEN files.last_version > EXCLUDED.last_version THEN files.last_version ELSE EXCLUDED.last_version END`,
			d.ID, d.Tenant, d.Path, purpose, d.SHA256, d.Bytes, d.MediaType, last, s.now())
		if err != nil {
			return err
		}
		a := ingest.Accepted{Tenant: d.Tenant, StoreID: d.StoreID, FileID: d.ID, Path: d.Path, SHA256: d.SHA256, Bytes: d.Bytes, MediaType: d.MediaType, Labels: said(d)}
		doc, err := lockDocument(ctx, tx, rag.Scope{Tenant: d.Tenant, Store: d.StoreID}, d.ID)
		if rag.CodeOf(err) == rag.CodeNotFound {
			if doc, err = s.insert(ctx, tx, a, rag.Document{ID: d.AttachedTo, Version: d.AttachedVersion}); err != nil {
				return err
			}
			err := tx.exec(ctx, "UPDATE documents SET created_at = ? WHERE store_id = ? AND id = ?", d.CreatedAt.UnixMicro(), d.StoreID, d.ID) // filters see it
			if err == nil {
				err = apart(ctx, tx, d)
			}
			if err != nil {
				return err
			}
			return s.enqueueVersion(ctx, tx, doc)
		}
		if err != nil {
			return err
		}
		changed, err := s.label(ctx, tx, &doc, a.Labels)
		switch {
		case err != nil:
			return err
		case anew:
			if err := s.renew(ctx, tx, &doc, a); err != nil {
				return err
			}
			if err := apart(ctx, tx, d); err != nil {
				return err
			}
			return s.enqueueVersion(ctx, tx, doc)
		case changed:
			return s.enqueueDescribe(ctx, tx, doc)
		}
		return nil
	})
}

// apart says of a document in the mirror whether its text is to be made without what is attached to it.
func apart(ctx context.Context, tx *txn, d rag.Document) error {
	taken := 0
	if d.TakenApart {
		taken = 1
	}
	return tx.exec(ctx, "UPDATE documents SET taken_apart = ? WHERE store_id = ? AND id = ?", taken, d.StoreID, d.ID)
}

// said is what was said of a document, without nil, which would leave it as it is.
func said(d rag.Document) rag.Labels {
	l := d.Labels
	if l.Attributes == nil {
		l.Attributes = rag.Attributes{}
	}
	if l.Allow == nil {
		l.Allow = []string{}
	}
	return l
}

// ErrBehind says that a mirror does not hold what the library holds now.
var ErrBehind = rag.Fail(rag.CodeConflict, "documents came or changed meanwhile; mirror the library once more")

// ledgerTables are those that an index outside needs; Adopt takes them over.
var ledgerTables = []table{
	{"ledger_stores", 2, "tenant, store_id, chunks", 500},
	{"ledger_documents", 3, "tenant, store_id, document_id, version, chunks, terms", 50},
	{"ledger_terms", 3, "tenant, store_id, term, chunks", 500},
}

// Adopt takes over texts, chunks and versions of a mirror of this library, in one
// transaction: then those are what searches show, and what was before is gone. A
// document that the mirror could not make anew is failed afterwards. It gives
// ErrBehind, and changes nothing, when the mirror does not hold exactly the documents as they
// are now, and ErrAttended while a server or worker uses the library; none starts before Swapped.
// Running twice changes nothing. On PostgreSQL, whoever else writes waits until it is done.
func (s *Store) Adopt(ctx context.Context, mirror *Store, withLedger bool) error {
	made, err := documentsByKey(ctx, mirror)
	if err != nil {
		return err
	}
	err = mirror.snapshot(ctx, func(source *txn) error {
		return s.once(ctx, func(ctx context.Context, tx *txn) error {
			if err := s.still(ctx, tx); err != nil {
				return err
			}
			here, err := collect(ctx, tx, scanDocument, "SELECT "+documentColumns+" FROM documents ORDER BY store_id, id")
			if err != nil {
				return err
			}
			if len(here) != len(made) {
				return ErrBehind
			}
			for _, d := range here {
				m, held := made[keyOf(d)]
				if !held || m.SHA256 != d.SHA256 || m.Version < d.Version || !m.State.Done() || m.TakenApart != d.TakenApart {
					return ErrBehind
				}
				if err := adopt(ctx, source, tx, m); err != nil {
					return fmt.Errorf("document %s: %w", d.ID, err)
				}
			}
			if !withLedger {
				return nil
			}
			for _, t := range ledgerTables {
				if err := tx.exec(ctx, "DELETE FROM "+t.name); err != nil {
					return err
				}
				if err := t.copy(ctx, source, tx, func(string, int) {}); err != nil {
					return fmt.Errorf("copy %s: %w", t.name, err)
				}
			}
			return turn(ctx, tx)
		})
	})
	return s.explain(ctx, "take the new versions over", err)
}

// adopt replaces all versions of a document by the mirror's.
func adopt(ctx context.Context, source, tx *txn, m rag.Document) error {
	where := " WHERE store_id = ? AND document_id = ?"
	if err := tx.exec(ctx, "DELETE FROM versions"+where, m.StoreID, m.ID); err != nil {
		return err
	}
	for _, t := range tables {
		if t.name != "versions" && t.name != "chunks" {
			continue
		}
		rows, err := collect(ctx, source, scanAny(len(t.names())), "SELECT "+t.columns+" FROM "+t.name+where+" AND version IN (?, ?)", m.StoreID, m.ID, m.Version, m.LiveVersion)
		if err != nil {
			return err
		}
		if err := insertRows(ctx, tx, "INSERT INTO "+t.name+" ("+t.columns+") VALUES ", "", rows); err != nil {
			return err
		}
	}
	described := 0
	if m.Described {
		described = 1
	}
	err := tx.exec(ctx, `UPDATE documents SET version = ?, live_version = ?, state = ?, error_code = ?, error = ?, chunks = ?, chunks_done = ?, described = ?,
		attempts = ?, waits_for = ? WHERE store_id = ? AND id = ?`,
		m.Version, m.LiveVersion, m.State, m.ErrorCode, m.Error, m.Chunks, m.ChunksDone, described, m.Attempts, m.WaitsFor, m.StoreID, m.ID)
	if err != nil {
		return err
	}
	return tx.exec(ctx, "UPDATE files SET last_version = ? WHERE id = ? AND last_version < ?", m.Version, m.ID, m.Version)
}
