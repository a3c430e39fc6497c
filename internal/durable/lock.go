package durable

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// Lock says whom an open file excludes.
type Lock int

// Kinds of locks.
const (
	Exclusive    Lock = iota // excludes everybody
	Shared                   // excludes Exclusive only
	TryExclusive             // Exclusive now, or an error that wraps ErrLocked
)

// ErrLocked reports a file that somebody else has locked.
var ErrLocked = errors.New("somebody else holds the lock")

// OpenLocked opens a file as [os.OpenFile] does and locks it until it is
// closed or the process ends, however it ends. It waits for other holders, in
// this process or another, until ctx ends, and then returns its cause. The
// file returned is the one that has the name now. The lock is advisory: only
// those who use OpenLocked are excluded.
func OpenLocked(ctx context.Context, name string, flag int, perm fs.FileMode, lock Lock) (*os.File, error) {
	for {
		f, err := openLocked(ctx, name, flag, perm, lock)
		if err != nil {
			return nil, err
		}
		locked, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		named, err := os.Stat(name)
		if err == nil && os.SameFile(locked, named) {
			return f, nil
		}
		// Replaced or removed while this one waited.
		if closeErr := f.Close(); closeErr != nil {
			return nil, closeErr
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

func openLocked(ctx context.Context, name string, flag int, perm fs.FileMode, lock Lock) (*os.File, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if err := LockFile(ctx, f, lock); err != nil {
		return nil, err
	}
	return f, nil
}

// LockFile locks an open file as [OpenLocked] does, but does not look whether
// it still has its name. After an error the file is closed, or will be when
// the wait ends that cannot be broken off, and must not be used.
func LockFile(ctx context.Context, f *os.File, lock Lock) error {
	name := f.Name()
	got, err := tryLock(f, lock)
	if err != nil {
		return errors.Join(&fs.PathError{Op: "lock", Path: name, Err: err}, f.Close())
	}
	if got {
		return nil
	}
	if lock == TryExclusive {
		return errors.Join(&fs.PathError{Op: "lock", Path: name, Err: ErrLocked}, f.Close())
	}
	done := make(chan error, 1)
	go func() { done <- waitLock(f, lock) }()
	select {
	case err := <-done:
		if err != nil {
			return errors.Join(&fs.PathError{Op: "lock", Path: name, Err: err}, f.Close())
		}
		return nil
	case <-ctx.Done():
		go func() { // what it gets is given back
			<-done
			f.Close()
		}()
		return context.Cause(ctx)
	}
}

// Unlock gives the lock of an open file back, which stays open.
func Unlock(f *os.File) error {
	if err := unlock(f); err != nil {
		return &fs.PathError{Op: "unlock", Path: f.Name(), Err: err}
	}
	return nil
}
