package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/backup"
	"groundwork/store/sql"
)

// builder builds an installation from a file: the library below the stage, even
// when it goes to PostgreSQL in the end, so that its rows appear there all at once.
type builder struct {
	file      string
	m         backup.Manifest
	out       *Restoration
	step      func(what string, done, total int64)
	real, cfg configs.Config // of the target, and of the stage
	operator  *Operator
	stores               // of the stage
	ledger    *sql.Store // that the index uses: of the target
}

func (b *builder) build(ctx context.Context) (err error) {
	if err := b.open(ctx); err != nil {
		return errors.Join(err, b.end())
	}
	for _, part := range []func(context.Context) error{b.rows, b.bytes, b.publish, b.verify, b.hand} {
		if err := part(ctx); err != nil {
			return errors.Join(err, b.end())
		}
	}
	return b.end()
}

func (b *builder) open(ctx context.Context) (err error) {
	log := b.operator.log
	if b.library, err = openLibrary(ctx, b.cfg, log); err != nil {
		return err
	}
	b.ledger = b.library
	if b.real.Store.SQL != "" {
		if b.ledger, err = openLibrary(ctx, b.real, log); err != nil {
			return err
		}
	}
	if b.files, err = openFiles(ctx, b.cfg); err != nil {
		return err
	}
	kind, err := vectorsOf(b.cfg)
	if err != nil {
		return err
	}
	if b.index, err = openIndex(ctx, b.cfg, b.ledger, kind, indexOptions{log: log}); err != nil {
		return err
	}
	return b.vacate(ctx)
}

// vacate makes sure that an index outside is this restoration's own: it holds
// nothing, or what an earlier one left that broke off.
func (b *builder) vacate(ctx context.Context) error {
	if b.cfg.Store.Embedded() {
		return nil
	}
	scopes, err := b.index.Scopes(ctx)
	if err != nil {
		return err
	}
	mark, at := fillingFile(b.real), []byte(b.cfg.Store.Qdrant.URL+" "+b.cfg.Store.Qdrant.Alias)
	if left, err := os.ReadFile(mark); len(scopes) > 0 && (err != nil || string(left) != string(at)) {
		return fmt.Errorf("the index of %q in Qdrant holds entries of another installation; name one of its own with store.qdrant.alias", b.cfg.Store.Qdrant.Alias)
	}
	if err := writeSynced(mark, at); err != nil {
		return err
	}
	for _, scope := range scopes {
		if err := b.index.RemoveStore(ctx, scope); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) end() (err error) {
	err = b.close()
	if b.ledger != nil && b.ledger != b.library {
		err = errors.Join(err, b.ledger.Close())
	}
	return err
}

// rows imports the library.
func (b *builder) rows(ctx context.Context) error {
	parts := make(chan sql.Part)
	failed := make(chan error, 1)
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(parts)
		failed <- backup.Each(b.file, func(name string, _ int64, r io.Reader) error {
			if !strings.HasPrefix(name, partsFolder+"/") {
				return nil
			}
			raw, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			p, err := sql.DecodePart(raw)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			select {
			case parts <- p:
			case <-reading.Done():
			}
			return reading.Err()
		})
	}()
	done := int64(0)
	return b.library.Import(ctx, func() (sql.Part, error) {
		p, more := <-parts
		if !more {
			if err := <-failed; err != nil {
				return p, err
			}
			return p, io.EOF
		}
		done += int64(len(p.Rows))
		b.step("rows", done, int64(b.rowsTotal()))
		return p, nil
	})
}

func (b *builder) rowsTotal() (n int) {
	for what, count := range b.m.Counts {
		if what != "originals" && what != "vectors" && what != "copied_files" {
			n += count
		}
	}
	return n
}

// bytes brings originals, vectors and folders.
func (b *builder) bytes(ctx context.Context) error {
	fits := b.m.Head.Fingerprint != ""
	if kind, err := vectorsOf(b.cfg); err != nil || kind != (vectorKind{b.m.Head.Dimensions, b.m.Head.Fingerprint}) {
		fits = false
	}
	done := int64(0)
	return backup.Each(b.file, func(name string, _ int64, r io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		folder, rest, _ := strings.Cut(name, "/")
		done++
		b.step("entries of the backup", done, int64(len(b.m.Entries)))
		switch {
		case folder == originalsFolder:
			return b.original(ctx, rest, r)
		case folder == vectorsFolder && fits:
			raw, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			v, err := readVectorPart(raw)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			return b.vectors(ctx, v)
		case slices.Contains(kept, folder):
			return b.place(name, r)
		}
		return nil
	})
}

func (b *builder) original(ctx context.Context, sum string, r io.Reader) error {
	free, err := b.library.Unreferenced(ctx, []string{sum})
	if err != nil || len(free) > 0 { // of a document that was deleted while the backup was taken
		return err
	}
	got, _, err := b.files.Put(ctx, r, int64(1)<<40)
	if err == nil && got != sum {
		err = fmt.Errorf("the bytes of the original %s hash to %s", sum, got)
	}
	return err
}

func (b *builder) place(name string, r io.Reader) (err error) {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("the backup holds the name %q, which leads out of its folder", name)
	}
	at := filepath.Join(b.cfg.Server.DataDir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

// vectors stages what the library has chunks for.
func (b *builder) vectors(ctx context.Context, v vectorPart) error {
	byID := make(map[string][]float32, len(v.ids))
	for i, id := range v.ids {
		byID[id] = v.vectors[i]
	}
	passages, err := b.library.Passages(ctx, v.scope, v.ids)
	if err != nil {
		return err
	}
	var entries []ingest.Entry
	documents := map[string]rag.Document{}
	for _, p := range passages {
		d, known := documents[p.DocumentID]
		if !known {
			if d, err = b.library.Document(ctx, v.scope, p.DocumentID); err != nil {
				return err
			}
			documents[d.ID] = d
		}
		ref := ingest.Ref{Tenant: v.scope.Tenant, StoreID: v.scope.Store, DocumentID: d.ID, Version: d.LiveVersion}
		if p.ChunkID != ingest.ChunkID(ref, p.Seq) { // of another version
			continue
		}
		searchable := ingest.Chunk{Header: p.Header, Text: p.Text}.Searchable()
		entries = append(entries, ingest.Entry{ChunkID: p.ChunkID, DocumentID: d.ID, Version: d.LiveVersion, Vector: byID[p.ChunkID], Terms: analyze.Terms(searchable)})
	}
	for batch := range slices.Chunk(entries, entryBatch) {
		if err := b.index.Upsert(ctx, v.scope, batch); err != nil {
			return err
		}
	}
	b.out.Entries += len(entries)
	return nil
}
