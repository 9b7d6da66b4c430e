package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"groundwork/configs"
)

// A restoration is built below stageName. When it is whole, the folder gets the
// name readyName: that is the moment from which it counts. What follows only moves
// folders of one file system, each step may run again, and whoever takes the
// data directory next completes it.
const (
	stageName   = "restore.new"
	readyName   = "restore.ready"
	oldName     = "restore.old"  // inside: what was there before
	clearedName = "restore.done" // inside: everything that was there before is in the folder above
	namesName   = "restore.json" // inside: the names that are replaced
)

// fillingFile says which index outside is being filled by a restoration.
func fillingFile(cfg configs.Config) string {
	return filepath.Join(cfg.Server.DataDir, "restore.filling")
}

func stageDir(cfg configs.Config) string { return filepath.Join(cfg.Server.DataDir, stageName) }

// placed are the names in the data directory that a restoration replaces. The
// database's log goes before it, so that it never meets another database.
func placed(cfg configs.Config) []string {
	names := append([]string{}, kept...)
	if cfg.Store.Embedded() {
		names = append(names, "index")
	}
	if cfg.Store.Files == "" {
		names = append(names, "files")
	}
	if cfg.Store.SQL == "" {
		names = append(names, "library.db-shm", "library.db-wal", "library.db")
	}
	return names
}

// ready says that the stage is whole.
func ready(dataDir string, names []string) error {
	stage := filepath.Join(dataDir, stageName)
	raw, err := json.Marshal(names)
	if err == nil {
		err = writeSynced(filepath.Join(stage, namesName), raw)
	}
	if err == nil {
		err = syncTree(stage)
	}
	if err == nil {
		err = os.Rename(stage, filepath.Join(dataDir, readyName))
	}
	if err == nil {
		err = syncFolder(dataDir)
	}
	if err != nil {
		return fmt.Errorf("complete the restoration: %w", err)
	}
	return nil
}

// finishRestore moves a restoration that is whole to its place; without one it does nothing.
func finishRestore(dataDir string) error {
	from := filepath.Join(dataDir, readyName)
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(from, namesName))
	var names []string
	if err == nil {
		err = json.Unmarshal(raw, &names)
	}
	if err == nil {
		err = clearPlace(dataDir, from, names)
	}
	if err == nil {
		err = fillPlace(dataDir, from, names)
	}
	if err == nil {
		err = os.RemoveAll(from)
	}
	if err != nil {
		return fmt.Errorf("put the restored files in their place: %w; the next start tries again", err)
	}
	return nil
}

// clearPlace moves away what is to be replaced, once.
func clearPlace(dataDir, from string, names []string) error {
	done := filepath.Join(from, clearedName)
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	old := filepath.Join(from, oldName)
	if err := os.MkdirAll(old, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		if err := move(filepath.Join(dataDir, name), filepath.Join(old, name)); err != nil {
			return err
		}
	}
	if err := errors.Join(syncFolder(old), syncFolder(dataDir)); err != nil {
		return err
	}
	return errors.Join(writeSynced(done, nil), syncFolder(from))
}

func fillPlace(dataDir, from string, names []string) error {
	for _, name := range names {
		if err := move(filepath.Join(from, name), filepath.Join(dataDir, name)); err != nil {
			return err
		}
	}
	return errors.Join(syncFolder(dataDir), syncFolder(from))
}

// move does nothing when there is nothing to move: it was moved before.
func move(from, to string) error {
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func writeSynced(file string, raw []byte) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// syncTree makes the names below a folder durable; the files' bytes were synced when they were written.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return syncFolder(at)
	})
}
