package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"groundwork/rag"
)

const fileColumns = "id, tenant, filename, purpose, sha256, bytes, created_at"

// AddFile stores a file that belongs to no store and gives it its id and time.
func (s *Store) AddFile(ctx context.Context, f rag.File) (rag.File, error) {
	f.ID, f.CreatedAt = newID("file-"), moment(s.now())
	err := s.write(ctx, "add a file", func(tx *sql.Tx) error {
		return insertFile(ctx, tx, f, "", 0)
	})
	if err != nil {
		return rag.File{}, err
	}
	return f, nil
}

// insertFile adds a row; owned is 1 for a file that came with a document.
func insertFile(ctx context.Context, tx *sql.Tx, f rag.File, mediaType string, owned int) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO files ("+fileColumns+", media_type, owned, last_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
		f.ID, f.Tenant, f.Filename, f.Purpose, f.SHA256, f.Bytes, f.CreatedAt.UnixMicro(), mediaType, owned)
	return err
}

// Files lists a tenant's files.
func (s *Store) Files(ctx context.Context, tenant string, p rag.Page) ([]rag.File, bool, error) {
	files, more, err := page(ctx, s.reader, list{fileColumns, "files", "tenant = ?", []any{tenant}}, p, scanFile)
	if err != nil {
		return nil, false, fmt.Errorf("list files: %w", err)
	}
	return files, more, nil
}

// File finds one file.
func (s *Store) File(ctx context.Context, tenant, id string) (rag.File, error) {
	f, err := findFile(ctx, s.reader, tenant, id)
	if err != nil {
		return rag.File{}, fmt.Errorf("find a file: %w", err)
	}
	return f, nil
}

// Holders are the stores that a file is a document of.
func (s *Store) Holders(ctx context.Context, tenant, fileID string) ([]string, error) {
	ids, err := holders(ctx, s.reader, tenant, fileID)
	if err != nil {
		return nil, fmt.Errorf("find a file's stores: %w", err)
	}
	return ids, nil
}

func holders(ctx context.Context, q querier, tenant, fileID string) ([]string, error) {
	return collect(ctx, q, scanString, "SELECT store_id FROM documents WHERE tenant = ? AND id = ? ORDER BY store_id", tenant, fileID)
}

func findFile(ctx context.Context, q querier, tenant, id string) (rag.File, error) {
	f, err := scanFile(q.QueryRowContext(ctx, "SELECT "+fileColumns+" FROM files WHERE tenant = ? AND id = ?", tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		return rag.File{}, rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no file %q; list the files or upload it", id))
	}
	return f, err
}

func scanFile(row scanner) (rag.File, error) {
	var f rag.File
	var created int64
	err := row.Scan(&f.ID, &f.Tenant, &f.Filename, &f.Purpose, &f.SHA256, &f.Bytes, &created)
	f.CreatedAt = moment(created)
	return f, err
}

// Unreferenced returns those blobs that no file and no version refers to.
func (s *Store) Unreferenced(ctx context.Context, sha256 []string) ([]string, error) {
	free, err := unreferenced(ctx, s.reader, sha256)
	if err != nil {
		return nil, fmt.Errorf("find unused files: %w", err)
	}
	return free, nil
}

func unreferenced(ctx context.Context, q querier, sha256 []string) ([]string, error) {
	var free []string
	for _, sum := range sha256 {
		var used int
		err := q.QueryRowContext(ctx, `SELECT CASE WHEN EXISTS (SELECT 1 FROM files WHERE sha256 = ?)
			OR EXISTS (SELECT 1 FROM versions WHERE sha256 = ?) THEN 1 ELSE 0 END`, sum, sum).Scan(&used)
		if err != nil {
			return nil, err
		}
		if used == 0 {
			free = append(free, sum)
		}
	}
	return free, nil
}
