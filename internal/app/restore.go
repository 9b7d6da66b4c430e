package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/backup"
	"groundwork/store/sql"
)

// Restoration is what Restore made of a backup.
type Restoration struct {
	Backup  backup.Head    `json:"backup"`
	Counts  map[string]int `json:"counts"`  // of the backup
	Entries int            `json:"entries"` // of the index
	Queued  int            `json:"queued"`  // documents that a server will index anew
	Audit   Audit          `json:"audit"`
	Seconds float64        `json:"seconds"`
}

// Restore makes the installation of the configuration what a backup holds. The
// file is verified before anything else. All is built beside what is there and
// verified as `groundwork verify` does; then it takes its place, in one step
// that is completed at the next start if this process ends in the middle of it.
// Stores that hold something are refused unless replace says otherwise, and
// those on PostgreSQL always.
func (o *Operator) Restore(ctx context.Context, file string, replace bool, step func(what string, done, total int64)) (r Restoration, err error) {
	began := time.Now()
	if o.lock == nil { // the stage is in the data directory, whatever the stores are
		if o.lock, err = lockDir(o.cfg.Server.DataDir); err != nil {
			return r, err
		}
	}
	if err := o.vacant(ctx, replace); err != nil {
		return r, err
	}
	m, err := backup.Verify(file, func(read, total int64) { step(bytesChecked, read, total) })
	if err != nil {
		return r, err
	}
	r.Backup, r.Counts = m.Head, m.Counts
	stage := stageDir(o.cfg)
	if err := os.RemoveAll(stage); err != nil { // of a restoration that broke off
		return r, fmt.Errorf("clear %s: %w", stage, err)
	}
	b := &builder{file: file, m: m, out: &r, step: step, real: o.cfg, cfg: o.cfg, operator: o}
	b.cfg.Server.DataDir, b.cfg.Store.SQL = stage, ""
	if err := b.build(ctx); err != nil {
		return r, errors.Join(err, os.RemoveAll(stage))
	}
	if err := ready(o.cfg.Server.DataDir, placed(o.cfg)); err != nil {
		return r, err
	}
	r.Seconds = time.Since(began).Seconds()
	return r, finishRestore(o.cfg.Server.DataDir)
}

// vacant fails when the target holds something that must not be replaced.
func (o *Operator) vacant(ctx context.Context, replace bool) (err error) {
	shared := o.cfg.Store.SQL != ""
	if _, err := os.Stat(libraryPath(o.cfg)); !shared && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !shared && replace {
		return nil
	}
	library, err := openLibrary(ctx, o.cfg, o.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, library.Close()) }()
	switch err := library.Empty(ctx); {
	case rag.CodeOf(err) != rag.CodeConflict:
		return err
	case shared:
		return errors.New("the database of store.sql is not empty; restore into a new database and a new store.qdrant.alias, look at the result, and then let the servers use them")
	}
	return fmt.Errorf("%s holds documents or keys already; give another --data-dir, or replace them with --force", o.cfg.Server.DataDir)
}

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
	scopes, err := b.index.Scopes(ctx) // the target has no documents: left by a restoration that broke off
	for i := 0; i < len(scopes) && err == nil; i++ {
		err = b.index.RemoveStore(ctx, scopes[i])
	}
	return err
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

// publish makes searchable what is whole, and queues the rest to be indexed anew.
func (b *builder) publish(ctx context.Context) error {
	staged := map[string]map[string]int{} // by store and document
	scopes, err := b.index.Scopes(ctx)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		of := map[string]int{}
		staged[scope.Store] = of
		if err := b.index.Held(ctx, scope, func(h ingest.Held) error { of[h.DocumentID]++; return nil }); err != nil {
			return err
		}
	}
	var live []rag.Document
	err = b.library.EachDocument(ctx, func(d rag.Document) error {
		if d.LiveVersion > 0 {
			live = append(live, d)
		} else if !d.State.Done() {
			b.out.Queued++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, d := range live {
		if err := b.publishOne(ctx, d, staged[d.StoreID][d.ID]); err != nil {
			return fmt.Errorf("publish %s: %w", d.ID, err)
		}
		b.step("documents made searchable", int64(i+1), int64(len(live)))
	}
	return nil
}

func (b *builder) publishOne(ctx context.Context, d rag.Document, staged int) error {
	scope := rag.Scope{Tenant: d.Tenant, Store: d.StoreID}
	ref := ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: d.LiveVersion}
	chunks := 0
	if err := b.library.EachChunk(ctx, ref, func(ingest.Chunk) error { chunks++; return nil }); err != nil {
		return err
	}
	if chunks == 0 || staged != chunks {
		b.out.Queued++
		b.out.Entries -= staged
		if err := b.index.Discard(ctx, scope, d.ID, d.LiveVersion); err != nil {
			return err
		}
		return b.library.Withdraw(ctx, scope, d.ID)
	}
	if err := b.index.Describe(ctx, scope, ingest.Describe(d)); err != nil {
		return err
	}
	return b.index.Publish(ctx, scope, d.ID, d.LiveVersion)
}

// verify holds the stage to what `groundwork verify` says of an installation.
func (b *builder) verify(ctx context.Context) (err error) {
	v := verifier(&b.stores, func(_ string, done int) { b.step("stores verified", int64(done), int64(b.m.Counts["stores"])) })
	if b.out.Audit, err = v.Verify(ctx); err != nil {
		return err
	}
	if !b.out.Audit.OK() {
		f := b.out.Audit.Faults[0]
		return fmt.Errorf("what the backup gives is not whole: %d faults, the first is %s of document %s: %s", len(b.out.Audit.Faults), f.Kind, f.Document, f.Detail)
	}
	return nil
}

// hand gives the rows to the target's own database, when it has one.
func (b *builder) hand(ctx context.Context) error {
	if b.ledger == b.library {
		return nil
	}
	return sql.CopyAll(ctx, b.library, b.ledger, func(table string, rows int) { b.step("rows of "+table, int64(rows), 0) })
}
