package ingest

import (
	"context"
	"sync"
)

// Locks keep apart what must not overlap, in this process and in every other
// one that works on the same library. A lock that cannot be had in time gives
// rag.CodeUnavailable; one that was lost while do ran is an error too. The
// context of do ends before its lock can be lost without notice: do looks at
// it before each step that the lock protects.
type Locks interface {
	// Shared runs do while nobody is in Exclusive with the same key.
	Shared(ctx context.Context, key string, do func(ctx context.Context) error) error
	// Exclusive runs do while nobody else is in Shared or Exclusive with the same key.
	Exclusive(ctx context.Context, key string, do func(ctx context.Context) error) error
}

// LocalLocks are the Locks of a library that one process has for itself. The
// zero value works.
type LocalLocks struct {
	mu   sync.Mutex
	held map[string]*localLock
}

type localLock struct {
	sync.RWMutex
	users int // who hold it or wait for it
}

// Shared runs do while nobody is in Exclusive with the same key.
func (l *LocalLocks) Shared(ctx context.Context, key string, do func(context.Context) error) error {
	lock := l.take(key)
	defer l.give(key, lock)
	lock.RLock()
	defer lock.RUnlock()
	return do(ctx)
}

// Exclusive runs do while nobody else is in Shared or Exclusive with the same key.
func (l *LocalLocks) Exclusive(ctx context.Context, key string, do func(context.Context) error) error {
	lock := l.take(key)
	defer l.give(key, lock)
	lock.Lock()
	defer lock.Unlock()
	return do(ctx)
}

func (l *LocalLocks) take(key string) *localLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[string]*localLock{}
	}
	lock := l.held[key]
	if lock == nil {
		lock = &localLock{}
		l.held[key] = lock
	}
	lock.users++
	return lock
}

func (l *LocalLocks) give(key string, lock *localLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lock.users--; lock.users == 0 {
		delete(l.held, key)
	}
}

// keys of the locks
func contentLock(sha256 string) string { return "content/" + sha256 } // Shared: a row is about to refer to it; Exclusive: it is deleted if none does
func removalLock(id string) string     { return "removal/" + id }

func describeLock(store, document string) string { return "describe/" + store + "/" + document }

// documentLock is held Shared while a file is attached to a store, Exclusive while what is left of it there is removed.
func documentLock(store, document string) string { return "document/" + store + "/" + document }
