package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/riverqueue/river/rivertype"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/blob"
	"groundwork/store/local"
	"groundwork/store/qdrant"
	"groundwork/store/sql"
)

// index is what both indexes are.
type index interface {
	ingest.Index
	ingest.Inventory
	rag.Searcher
	Generation() int
	Close() error
}

// stores are the three places where an installation keeps what it knows.
type stores struct {
	library *sql.Store
	files   ingest.Files
	index   index
}

// openStores opens all three, for commands that need no model. Close them after use.
func openStores(ctx context.Context, cfg configs.Config, log *slog.Logger, reset bool) (s *stores, err error) {
	s = &stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.library, err = openLibrary(ctx, cfg, log); err != nil {
		return nil, err
	}
	if s.files, err = openFiles(ctx, cfg); err != nil {
		return nil, err
	}
	vectors, err := vectorsOf(cfg)
	if err == nil {
		s.index, err = openIndex(ctx, cfg, s.library, vectors, indexOptions{reset: reset, log: log})
	}
	return s, err
}

func (s *stores) close() error {
	var errs []error
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	if c, ok := s.files.(interface{ Close() error }); ok {
		errs = append(errs, c.Close())
	}
	if s.library != nil {
		errs = append(errs, s.library.Close())
	}
	return errors.Join(errs...)
}

func openLibrary(ctx context.Context, cfg configs.Config, log *slog.Logger, middleware ...rivertype.Middleware) (*sql.Store, error) {
	return sql.Open(ctx, sql.Options{
		URL: cfg.Store.SQL.Reveal(), Path: libraryPath(cfg), Log: log, Keyless: func() bool { return true },
		MaxQueue: cfg.Ingest.MaxQueue, MaxQueueTenant: cfg.Ingest.MaxQueueTenant, Middleware: middleware,
	})
}

func libraryPath(cfg configs.Config) string { return filepath.Join(cfg.Server.DataDir, "library.db") }

func openFiles(ctx context.Context, cfg configs.Config) (ingest.Files, error) {
	if cfg.Store.Files == "" {
		return blob.Open(filepath.Join(cfg.Server.DataDir, "files"))
	}
	if err := os.MkdirAll(cfg.Server.DataDir, 0o700); err != nil { // files on their way are spooled there
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return blob.OpenBucket(ctx, cfg.Store.Files, blob.BucketOptions{
		AccessKey: cfg.Store.FilesAccessKey, SecretKey: cfg.Store.FilesSecretKey.Reveal(), SpoolDir: cfg.Server.DataDir,
	})
}

// vectorKind is what the index must have been made with.
type vectorKind struct {
	dimensions  int
	fingerprint string // of the embedding model and the chunker
}

type indexOptions struct {
	reset bool // throw away what was made with another model or chunker
	log   *slog.Logger
}

// indexTimeout bounds one call to the index server.
const indexTimeout = 10 * time.Second

func openIndex(ctx context.Context, cfg configs.Config, library *sql.Store, v vectorKind, o indexOptions) (index, error) {
	if cfg.Store.Embedded() {
		return local.Open(ctx, filepath.Join(cfg.Server.DataDir, "index"), local.Options{
			Dimensions: v.dimensions, Fingerprint: v.fingerprint, Reset: o.reset,
		})
	}
	q := cfg.Store.Qdrant
	return qdrant.Open(ctx, qdrant.Options{
		URL: q.URL, APIKey: q.APIKey.Reveal(), Alias: q.Alias, Quantise: q.Quantise, Timeout: indexTimeout,
		Dimensions: v.dimensions, Fingerprint: v.fingerprint, Reset: o.reset, Log: o.log,
	}, library.Ledger())
}
