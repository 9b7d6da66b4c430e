// Package pgtest gives tests a real PostgreSQL: the one that POSTGRES_URL
// names, else the distribution's, started without privileges for the test
// binary. Every test gets a database of its own.
package pgtest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"
)

// patience is how long a server or a statement may take.
const patience = 30 * time.Second

// shared is the server of this test binary.
var shared struct {
	sync.Mutex
	server *Server
	err    error
	tried  bool
	next   int
}

// URL makes an empty database and returns its address. Without a PostgreSQL
// the test is skipped; with GROUNDWORK_TEST_STRICT=1 it fails. Call Stop when
// all tests have run.
func URL(tb testing.TB) string {
	tb.Helper()
	base := os.Getenv("POSTGRES_URL")
	if base == "" {
		server, err := sharedServer()
		if err != nil {
			missing(tb, err)
		}
		base = server.URL
	}
	return create(tb, base)
}

// Stop ends the server that URL started, if any. TestMain calls it last.
func Stop() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return nil
	}
	err := shared.server.close()
	shared.server, shared.tried = nil, false
	return err
}

// New starts a server for one test alone, which may stop, pause and restart
// it. Its URL has an empty database.
func New(tb testing.TB) *Server {
	tb.Helper()
	server, err := start()
	if err != nil {
		missing(tb, err)
	}
	tb.Cleanup(func() { require.NoError(tb, server.close()) })
	return server
}

func sharedServer() (*Server, error) {
	shared.Lock()
	defer shared.Unlock()
	if !shared.tried {
		shared.tried = true
		shared.server, shared.err = start()
	}
	return shared.server, shared.err
}

func missing(tb testing.TB, err error) {
	tb.Helper()
	why := fmt.Sprintf("no PostgreSQL for tests: %v; install the package `postgresql`, or set POSTGRES_URL to a server", err)
	if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
		tb.Fatal(why)
	}
	tb.Skip(why)
}

// create makes a database with a new name and removes it with the test.
func create(tb testing.TB, base string) string {
	tb.Helper()
	shared.Lock()
	shared.next++
	name := fmt.Sprintf("groundwork_%d_%d", os.Getpid(), shared.next)
	shared.Unlock()
	do := func(statement string) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		db, err := sql.Open("pgx", base)
		require.NoError(tb, err)
		defer db.Close()
		_, err = db.ExecContext(ctx, statement)
		require.NoError(tb, err, statement)
	}
	do("CREATE DATABASE " + name)
	tb.Cleanup(func() { do("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	u, err := url.Parse(base)
	require.NoError(tb, err)
	u.Path = "/" + name
	return u.String()
}
