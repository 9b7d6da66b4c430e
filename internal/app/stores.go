package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/riverqueue/river/rivertype"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/internal/disk"
	"groundwork/rag"
	"groundwork/store/blob"
	"groundwork/store/local"
	"groundwork/store/qdrant"
	"groundwork/store/sql"
)

// index is what both indexes are.
type index interface {
	ingest.Index
	ingest.Describer
	ingest.Inventory
	ingest.Mender
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

// openStores opens all three. Close them after use.
func (o *Operator) openStores(ctx context.Context, reset bool) (*stores, error) {
	s := &stores{}
	if err := s.open(ctx, o, reset); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stores) open(ctx context.Context, o *Operator, reset bool) (err error) {
	if s.library, err = openLibrary(ctx, o.cfg, o.log); err != nil {
		return err
	}
	if s.files, err = o.openFiles(ctx); err != nil {
		return err
	}
	vectors, err := vectorsOf(o.cfg)
	if err != nil {
		return err
	}
	s.index, err = openIndex(ctx, o.cfg, s.library, vectors, indexOptions{reset: reset, log: o.log})
	return err
}

// openFiles leaves uploads of a server alone that may run on the data directory.
func (o *Operator) openFiles(ctx context.Context) (ingest.Files, error) {
	if o.lock != nil || o.cfg.Store.Files != "" {
		return openFiles(ctx, o.cfg)
	}
	root := filepath.Join(o.cfg.Server.DataDir, "files")
	if err := disk.Make(filepath.Join(root, "tmp")); err != nil {
		return nil, fmt.Errorf("open the file store: %w", err)
	}
	return blob.OpenReader(root), nil
}

func (s *stores) close() error {
	var errs []error
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	if c, ok := s.files.(io.Closer); ok {
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

// openFiles gives no interface around nil with an error, and neither does openIndex.
func openFiles(ctx context.Context, cfg configs.Config) (ingest.Files, error) {
	if cfg.Store.Files == "" {
		folder, err := blob.Open(filepath.Join(cfg.Server.DataDir, "files"))
		if err != nil {
			return nil, err
		}
		return folder, nil
	}
	if err := os.MkdirAll(cfg.Server.DataDir, 0o700); err != nil { // files on their way are spooled there
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	bucket, err := blob.OpenBucket(ctx, cfg.Store.Files, blob.BucketOptions{
		AccessKey: cfg.Store.FilesAccessKey, SecretKey: cfg.Store.FilesSecretKey.Reveal(), SpoolDir: cfg.Server.DataDir,
	})
	if err != nil {
		return nil, err
	}
	return bucket, nil
}

// vectorKind is what the index must have been made with.
type vectorKind struct {
	dimensions  int
	fingerprint string // of the embedding model and the chunker
}

type indexOptions struct {
	reset  bool // throw away what was made with another model or chunker
	beside bool // leave the alias in Qdrant to the index that is searched
	fresh  bool // and begin anew
	log    *slog.Logger
}

func openIndex(ctx context.Context, cfg configs.Config, library *sql.Store, v vectorKind, o indexOptions) (index, error) {
	if _, err := os.Stat(swapFile(cfg)); err == nil && !o.beside {
		return nil, sql.ErrHalfway
	}
	if !o.beside {
		if err := library.Settled(ctx); err != nil {
			return nil, err
		}
	}
	if cfg.Store.Embedded() {
		embedded, err := local.Open(ctx, filepath.Join(cfg.Server.DataDir, "index"), local.Options{
			Dimensions: v.dimensions, Fingerprint: v.fingerprint, Reset: o.reset,
		})
		if err != nil {
			return nil, err
		}
		return embedded, nil
	}
	remote, err := openQdrant(ctx, cfg, library, v, o)
	if err != nil {
		return nil, err
	}
	return remote, nil
}

func openQdrant(ctx context.Context, cfg configs.Config, library *sql.Store, v vectorKind, o indexOptions) (*qdrant.Index, error) {
	at := qdrantAt(cfg)
	at.Dimensions, at.Fingerprint, at.Log = v.dimensions, v.fingerprint, o.log
	at.Reset, at.Beside, at.Fresh = o.reset, o.beside, o.fresh
	return qdrant.Open(ctx, at, library.Ledger())
}

func qdrantAt(cfg configs.Config) qdrant.Options {
	q := cfg.Store.Qdrant
	return qdrant.Options{URL: q.URL, APIKey: q.APIKey.Reveal(), Alias: q.Alias, Quantise: q.Quantise}
}
