package sql

import (
	"database/sql"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/pressly/goose/v3"
)

// dialect is what SQLite and PostgreSQL do not say alike. Statements are
// written once, with ? for arguments.
type dialect struct {
	name     string // folder of its migrations
	goose    goose.Dialect
	numbered bool // arguments are $1, $2, …
	// ends of a SELECT in a writing transaction: SQLite has one writer at a
	// time and needs none.
	lockRow string // nobody else may change or lock the row until this transaction ends
	keepRow string // nobody else may delete it
	// nobody else may do anything with it: this transaction deletes it
	deleteRow string
	samePath  string // compares documents.path with an argument, by an index
	part      string // of a counter that is kept in parts: which one this connection adds to
	// a transaction that sees one moment
	snapshot *sql.TxOptions
	// deadlines of one call; 0: those of the caller only
	reading, writing, removing time.Duration
}

var sqlite = &dialect{name: "sqlite", goose: goose.DialectSQLite3, samePath: "path = ?", part: "0"}

// postgres has a reading deadline of timeout.
func postgres(timeout time.Duration) *dialect {
	return &dialect{name: "postgres", goose: goose.DialectPostgres, numbered: true,
		lockRow: " FOR NO KEY UPDATE", keepRow: " FOR KEY SHARE", deleteRow: " FOR UPDATE",
		snapshot: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, samePath: "path_key(path) = path_key(?)",
		part:    "pg_backend_pid() % 8",
		reading: timeout, writing: 6 * timeout, removing: 60 * timeout}
}

// numbered statements by their text with ?
var rebound sync.Map

// bind is the statement as the driver takes it.
func (d *dialect) bind(query string) string {
	if !d.numbered || !strings.Contains(query, "?") {
		return query
	}
	if known, ok := rebound.Load(query); ok {
		return known.(string)
	}
	out := number(query)
	rebound.Store(query, out)
	return out
}

// number turns each ? outside of '…' into $1, $2, …
func number(query string) string {
	var out strings.Builder
	literal, n := false, 0
	for _, r := range query {
		switch {
		case r == '\'':
			literal = !literal
		case r == '?' && !literal:
			n++
			out.WriteString("$" + strconv.Itoa(n))
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// clean makes text of the arguments that PostgreSQL can hold: what it cannot
// is in no name or text that was accepted, so it compares unequal.
func (d *dialect) clean(args []any) []any {
	if !d.numbered {
		return args
	}
	for i, arg := range args {
		if s, ok := arg.(string); ok && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)) {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}

// marks is "?, ?, …" for a list.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// inList is an IN list of ids and its arguments. The last id is repeated until
// there are 1, 2, 4, … so that few different statements are prepared.
func inList[T any](ids []T) (list string, args []any) {
	n := 1
	for n < len(ids) {
		n *= 2
	}
	args = make([]any, n)
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)]
	}
	return "(" + marks(n) + ")", args
}
