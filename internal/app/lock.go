package app

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"groundwork/internal/disk"
)

// Location tells other processes of the same user where the server on a data
// directory is and how to call it.
type Location struct {
	PID   int    `json:"pid"`
	URL   string `json:"url"`
	Token string `json:"token"` // admits to the default tenant; made anew by each start
}

// dirLock is held by the one server that works on a data directory.
type dirLock struct {
	lock  *flock.Flock
	where string
	Location
}

const (
	lockFile     = "groundwork.lock"
	locationFile = "groundwork.run"
)

// lockDir makes dir (0700), takes its lock, and completes a restoration that was interrupted.
func lockDir(dir string) (*dirLock, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := disk.Make(dir); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
	}
	l := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if !ok {
		if at, running := Locate(dir); running {
			return nil, fmt.Errorf("a server (process %d) already works on %s, at %s; stop it first, or give another --data-dir", at.PID, dir, at.URL)
		}
		return nil, fmt.Errorf("another process already works on %s; stop it first, or give another --data-dir", dir)
	}
	if err := finishRestore(dir); err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return &dirLock{lock: l, where: filepath.Join(dir, locationFile), Location: Location{PID: os.Getpid(), Token: "gw_local_" + rand.Text()}}, nil
}

// publish writes where the server listens.
func (d *dirLock) publish(url string) error {
	d.URL = url
	raw, err := json.Marshal(d.Location)
	if err != nil {
		return err
	}
	tmp := d.where + ".new"
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return fmt.Errorf("write the server's address: %w", err)
	}
	return os.Rename(tmp, d.where)
}

func (d *dirLock) release() error {
	err := os.Remove(d.where)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, d.lock.Unlock())
}

// Locate finds the server that runs on a data directory. What a dead server
// left behind is not found: its lock is free.
func Locate(dir string) (Location, bool) {
	raw, err := os.ReadFile(filepath.Join(dir, locationFile))
	if err != nil {
		return Location{}, false
	}
	var at Location
	if json.Unmarshal(raw, &at) != nil || at.URL == "" {
		return Location{}, false
	}
	l := flock.New(filepath.Join(dir, lockFile))
	free, err := l.TryRLock()
	if err != nil {
		return Location{}, false
	}
	if free {
		return Location{}, l.Unlock() != nil
	}
	return at, true
}
