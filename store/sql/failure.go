package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"groundwork/rag"
)

// PostgreSQL's codes that a second try may change.
var (
	conflicts = []string{"40001", "40P01"} // serialization failure, deadlock
	overtaken = []string{"23505", "23503"} // a row that another transaction has just made, or deleted
	gone      = []string{
		"57P01", "57P02", "57P03", "57P04", "57P05", // the server stops, starts, crashed
		"57014",                   // a statement took too long
		"25P03", "25006", "55P03", // idle in a transaction, a standby, a lock not to be had
		"53000", "53100", "53200", "53300", // disk, memory, connections
		"58000", "58030", "40001", "40P01",
	}
)

// inTheWay tells whether a transaction is to be run again.
func inTheWay(err error, attempt int) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	return attempt < 20 && (slices.Contains(conflicts, pg.Code) || slices.Contains(overtaken, pg.Code))
}

// away turns the errors of a PostgreSQL that does not answer into rag.CodeUnavailable.
func away(err error) error {
	var known *rag.Error
	if errors.As(err, &known) || !isAway(err) {
		return err
	}
	return unavailable(err)
}

func unavailable(err error) error {
	return &rag.Error{Code: rag.CodeUnavailable, RetryAfter: 2 * time.Second, Err: err,
		Message: "the database does not answer at the moment; try again in a few seconds"}
}

func isAway(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return slices.Contains(gone, pg.Code) || len(pg.Code) == 5 && pg.Code[:2] == "08"
	}
	var dial *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &dial) || errors.As(err, &network) || pgconn.SafeToRetry(err) {
		return true
	}
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, net.ErrClosed,
		context.DeadlineExceeded}, func(e error) bool { return errors.Is(err, e) })
}
