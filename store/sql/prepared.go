package sql

import (
	"context"
	"database/sql"
	"sync"
)

// Bounds of the statements that are kept compiled.
const (
	keptStatements = 64
	keptStatement  = 4 << 10 // bytes of its text
)

// prepared keeps the statements of a SQLite database compiled. For the short
// ones of every request, compiling takes several times what running does. The
// driver of PostgreSQL does the same by itself.
type prepared struct {
	mu    sync.RWMutex
	known map[string]*sql.Stmt // closed with the database
}

// get gives the compiled statement, or nil when it is one that is not kept.
func (p *prepared) get(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	stmt, full := p.known[query], len(p.known) >= keptStatements
	p.mu.RUnlock()
	if stmt != nil || full || len(query) > keptStatement {
		return stmt, nil
	}
	stmt, err := db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.known[query]; other != nil {
		return other, stmt.Close() //nolint:sqlclosecheck // the one that is kept stays open
	}
	p.known[query] = stmt
	return stmt, nil
}
