package sql

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
)

// session is set on every connection, whatever the server's defaults are. A
// process that is stopped in the middle of a transaction loses it after 15
// seconds and blocks nobody; one whose machine is gone is noticed after 30.
const session = `SET synchronous_commit = on; SET default_transaction_isolation = 'read committed';
	SET statement_timeout = '5min'; SET idle_in_transaction_session_timeout = '15s';
	SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`

// lockSession is for the connections that hold locks: whoever holds one keeps
// it while its process lives, for it may act on it at any time.
const lockSession = session + `; SET idle_in_transaction_session_timeout = 0`

// lostAfter is how long what was sent may stay unacknowledged by the server's
// machine. Without it a connection that a silent network swallowed is kept for
// many minutes, and so is whoever waits on it without a deadline, as the queue
// does when it looks for jobs.
const lostAfter = 10 * time.Second

// dialer makes connections that notice within lostAfter, when they are used,
// and within 30 seconds, when they are idle, that the other machine is gone.
func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         loseAfter(lostAfter),
	}
}

func (s *Store) openPostgres(ctx context.Context) error {
	timeout := cmp.Or(s.opt.Timeout, 5*time.Second)
	s.d = postgres(timeout)
	config, err := pgx.ParseConfig(s.opt.URL)
	if err != nil {
		return fmt.Errorf("the address of the database is not one; write postgres://user:password@host:5432/name: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = timeout
	}
	config.DialFunc = dialer().DialContext
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "groundwork"
	}
	s.config = config
	writers := cmp.Or(s.opt.Writers, 8)
	s.writer = s.connections(config, session, writers)
	s.reader = s.connections(config, session, cmp.Or(s.opt.Readers, 8))
	s.locks = s.connections(config, lockSession, writers)
	s.repeats = s.connections(config, lockSession, writers) // what they hold is held while others of locks are needed
	s.turns = make(chan struct{}, writers)
	if err := s.migrateAlone(ctx); err != nil {
		return away(err)
	}
	listener, err := pgxpool.ParseConfig(s.opt.URL)
	if err != nil {
		return err
	}
	listener.ConnConfig = config.Copy()
	listener.MinConns, listener.MaxConns = 0, 1
	if s.listen, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), listener); err != nil {
		return err
	}
	return s.enqueuer(riverdatabasesql.New(s.writer.DB))
}

// connections is a pool of at most n connections; nothing is dialled yet.
func (s *Store) connections(config *pgx.ConnConfig, settings string, n int) *pool {
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.PgConn().Exec(ctx, settings).ReadAll()
		return err
	}))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxIdleTime(time.Minute)
	return &pool{DB: db, d: s.d}
}

// migrateAlone migrates while no other process does.
func (s *Store) migrateAlone(ctx context.Context) error {
	const most = 10 * time.Minute
	return s.holding(ctx, lock{s.locks, "pg_try_advisory_xact_lock", "migrate", most, most}, func(ctx context.Context) error {
		return migrate(ctx, s.writer.DB, s.d, riverdatabasesql.New(s.writer.DB))
	})
}
