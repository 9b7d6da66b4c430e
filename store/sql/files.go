package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"groundwork/rag"
)

const fileColumns = "id, tenant, filename, purpose, sha256, bytes, created_at"

// fileRow are the columns of a file, and what its document is attached to.
const fileRow = fileColumns + ", COALESCE((SELECT MAX(d.attached_to) FROM documents d WHERE d.id = files.id AND d.owned = 1), '')"

// AddFile stores a file that belongs to no store and gives it its id and time.
func (s *Store) AddFile(ctx context.Context, f rag.File) (rag.File, error) {
	f.ID, f.CreatedAt = newID("file-"), moment(s.now())
	err := s.write(ctx, "add a file", func(ctx context.Context, tx *txn) error {
		return insertFile(ctx, tx, f, "", 0)
	})
	if err != nil {
		return rag.File{}, err
	}
	return f, nil
}

// insertFile adds a row; owned is 1 for a file that came with a document.
func insertFile(ctx context.Context, tx *txn, f rag.File, mediaType string, owned int) error {
	return tx.exec(ctx, "INSERT INTO files ("+fileColumns+", media_type, owned, last_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
		f.ID, f.Tenant, f.Filename, f.Purpose, f.SHA256, f.Bytes, f.CreatedAt.UnixMicro(), mediaType, owned)
}

// Files lists a tenant's files.
func (s *Store) Files(ctx context.Context, tenant string, p rag.Page) (files []rag.File, more bool, err error) {
	err = s.read(ctx, "list files", func(ctx context.Context, q querier) error {
		files, more, err = page(ctx, q, list{fileRow, "files", "tenant = ?", []any{tenant}}, p, scanFile)
		return err
	})
	return files, more, err
}

// File finds one file.
func (s *Store) File(ctx context.Context, tenant, id string) (f rag.File, err error) {
	err = s.read(ctx, "find a file", func(ctx context.Context, q querier) error {
		f, err = findFile(ctx, q, tenant, id)
		return err
	})
	return f, err
}

// Holders are the stores that a file is a document of, one that the scope's groups
// may read; the scope names no store.
func (s *Store) Holders(ctx context.Context, scope rag.Scope, fileID string) (ids []string, err error) {
	err = s.read(ctx, "find a file's stores", func(ctx context.Context, q querier) error {
		ids, err = holders(ctx, q, scope, fileID)
		return err
	})
	return ids, err
}

func holders(ctx context.Context, q querier, scope rag.Scope, fileID string) ([]string, error) {
	readable, groups := readableBy(scope, "documents.store_id", "documents.id")
	return collect(ctx, q, scanString, "SELECT store_id FROM documents WHERE tenant = ? AND id = ?"+readable+" ORDER BY store_id",
		append([]any{scope.Tenant, fileID}, groups...)...)
}

func findFile(ctx context.Context, q querier, tenant, id string) (rag.File, error) {
	f, err := scanFile(q.QueryRowContext(ctx, "SELECT "+fileRow+" FROM files WHERE tenant = ? AND id = ?", tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		return rag.File{}, noFile(id)
	}
	return f, err
}

// lockFile keeps everybody else from changing, attaching or deleting a file.
func lockFile(ctx context.Context, tx *txn, id string) error {
	var one int
	err := tx.QueryRowContext(ctx, "SELECT 1 FROM files WHERE id = ?"+tx.d.lockRow, id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return noFile(id)
	}
	return err
}

func noFile(id string) error {
	return rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no file %q; list the files or upload it", id))
}

func scanFile(row scanner) (rag.File, error) {
	var f rag.File
	var created int64
	err := row.Scan(&f.ID, &f.Tenant, &f.Filename, &f.Purpose, &f.SHA256, &f.Bytes, &created, &f.AttachedTo)
	f.CreatedAt = moment(created)
	return f, err
}

// Unreferenced returns those blobs that no file and no version refers to.
func (s *Store) Unreferenced(ctx context.Context, sha256 []string) (free []string, err error) {
	err = s.read(ctx, "find unused files", func(ctx context.Context, q querier) error {
		free, err = unreferenced(ctx, q, sha256)
		return err
	})
	return free, err
}

func unreferenced(ctx context.Context, q querier, sha256 []string) (free []string, err error) {
	for some := range slices.Chunk(sha256, 256) {
		in, args := inList(some)
		used, err := collect(ctx, q, scanString, "SELECT sha256 FROM files WHERE sha256 IN "+in+
			" UNION SELECT sha256 FROM versions WHERE sha256 IN "+in+" UNION SELECT sha256 FROM expected WHERE sha256 IN "+in, slices.Concat(args, args, args)...)
		if err != nil {
			return nil, err
		}
		for _, sum := range some {
			if !slices.Contains(used, sum) {
				free = append(free, sum)
			}
		}
	}
	return free, nil
}
