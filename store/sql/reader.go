package sql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"groundwork/rag"
)

// OpenReader opens a database that exists to read it, beside whatever process
// works on it; nothing else can be done with the Store. It migrates nothing: a
// database that another version of Groundwork made is refused (rag.CodeConflict).
func OpenReader(ctx context.Context, opt Options) (*Store, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{opt: opt}
	open := s.readSQLite
	if opt.URL != "" {
		open = s.readPostgres
	}
	err := open()
	if err == nil {
		err = s.current(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) readSQLite() error {
	s.d = sqlite
	if _, err := os.Stat(s.opt.Path); errors.Is(err, fs.ErrNotExist) {
		return rag.Fail(rag.CodeNotFound, "there is no library at "+s.opt.Path+"; look at server.data_dir")
	}
	db, err := sql.Open("sqlite", dsn(s.opt.Path, "_query_only", "1"))
	s.reader = &pool{DB: db, d: s.d}
	return err
}

func (s *Store) readPostgres() error {
	s.d = postgres(cmp.Or(s.opt.Timeout, 5*time.Second))
	config, err := pgx.ParseConfig(s.opt.URL)
	if err != nil {
		return fmt.Errorf("the address of the database is not one; write postgres://user:password@host:5432/name: %w", err)
	}
	config.DialFunc = dialer().DialContext
	s.reader = s.connections(config, session, cmp.Or(s.opt.Readers, 8))
	return nil
}

// current fails when the tables are not those of this version.
func (s *Store) current(ctx context.Context) error {
	want, err := schemaVersion(s.d)
	if err != nil {
		return err
	}
	return s.read(ctx, "look at the tables", func(ctx context.Context, q querier) error {
		var have int
		if err := q.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version").Scan(&have); err != nil {
			return err
		}
		if have != want {
			return rag.Fail(rag.CodeConflict, fmt.Sprintf("the tables are those of another version of Groundwork (%d, this one has %d); use the version that the server runs", have, want))
		}
		return nil
	})
}

// schemaVersion is the number of the newest migration.
func schemaVersion(d *dialect) (newest int, err error) {
	files, err := fs.ReadDir(migrations, "migrations/"+d.name)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		number, _, _ := strings.Cut(f.Name(), "_")
		n, err := strconv.Atoi(number)
		if err != nil {
			return 0, fmt.Errorf("the name of the migration %s: %w", f.Name(), err)
		}
		newest = max(newest, n)
	}
	return newest, nil
}
