package retrieval

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"groundwork/eval"
)

// plain is full text search as SQLite has it, the peer: FTS5's own BM25 with porter
// stems over the passages' text, any word of the question may match.
type plain struct{ db *sql.DB }

func newPlain(ctx context.Context, set eval.Set) (*plain, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, fmt.Errorf("open plain full text search: %w", err)
	}
	db.SetMaxOpenConns(1)
	p := &plain{db}
	if err := p.fill(ctx, set); err != nil {
		return nil, errors.Join(fmt.Errorf("fill plain full text search: %w", err), db.Close())
	}
	return p, nil
}

func (p *plain) close() error { return p.db.Close() }

func (p *plain) fill(ctx context.Context, set eval.Set) error {
	if _, err := p.db.ExecContext(ctx, `CREATE VIRTUAL TABLE passages USING fts5(id UNINDEXED, text, tokenize = 'porter unicode61')`); err != nil {
		return err
	}
	for _, s := range set.Passages {
		if _, err := p.db.ExecContext(ctx, `INSERT INTO passages (id, text) VALUES (?, ?)`, s.ID, s.Text); err != nil {
			return err
		}
	}
	return nil
}

func (p *plain) search(ctx context.Context, query string) ([]string, error) {
	words := strings.FieldsFunc(query, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	if len(words) == 0 {
		return nil, nil
	}
	rows, err := p.db.QueryContext(ctx, `SELECT id FROM passages WHERE passages MATCH ? ORDER BY bm25(passages), rowid LIMIT ?`, `"`+strings.Join(words, `" OR "`)+`"`, found)
	if err != nil {
		return nil, fmt.Errorf("plain full text search: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
