package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// takeSums reads the files that may be what the store holds, unless they were
// read before and look the same; those that cannot be read are left out.
func (s *syncing) takeSums(ctx context.Context, files []file, docs []document) (read []file, unread []skipped, err error) {
	at := needed(files, docs)
	failed := make([]error, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(uploads)
	for _, i := range at {
		f := &files[i]
		if before, ok := s.known[f.path]; ok && f.same(before) {
			f.sum = before.sum
			continue
		}
		group.Go(func() error {
			f.sum, failed[i] = sumOf(*f)
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	for i, f := range files {
		if failed[i] != nil {
			unread = append(unread, skipped{f.path, reasonOf(failed[i])})
			continue
		}
		if f.sum != "" && !f.moved() {
			s.known[f.path] = f
		}
		read = append(read, f)
	}
	return read, unread, nil
}

func sumOf(f file) (sum string, err error) {
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := sha256.New()
	_, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

// rested waits until files that were changed just now stay as they are for a
// while: somebody may be writing them. Those that go on changing are left out.
func rested(ctx context.Context, files []file, settle time.Duration, rounds int) (rest []file, moving []skipped, err error) {
	moving = []skipped{}
	var fresh []file
	for _, f := range files {
		if time.Since(f.changed) < settle {
			fresh = append(fresh, f)
		} else {
			rest = append(rest, f)
		}
	}
	for ; len(fresh) > 0 && rounds > 0; rounds-- {
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(settle):
		}
		var still []file
		for _, f := range fresh {
			info, err := f.stat()
			switch {
			case err != nil:
				moving = append(moving, skipped{f.path, reasonOf(err)})
			case info.Size() == f.size && info.ModTime().Equal(f.changed):
				rest = append(rest, f)
			default:
				f.size, f.changed = info.Size(), info.ModTime()
				still = append(still, f)
			}
		}
		fresh = still
	}
	for _, f := range fresh {
		moving = append(moving, skipped{f.path, beingWritten})
	}
	return rest, moving, nil
}

const beingWritten = "it is being written; the next run sends it"
