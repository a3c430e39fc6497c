//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockName is also the sign that a folder is a quickstart's.
const lockName = ".quickstart"

// lockDir keeps a second quickstart away from the state folder. The system
// gives the lock back when the program ends, in whatever way.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("-dir: %w", err)
	}
	err = tryLock(f)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errors.New("another quickstart is at work there; wait for it, or name another folder")
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("-dir %s: %w", dir, err)
	}
	return f, nil
}

// lockPatience is how long a quickstart that is about to end may take to.
const lockPatience = 3 * time.Second

func tryLock(f *os.File) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(lockPatience); ; <-tick.C {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			return err
		}
	}
}
