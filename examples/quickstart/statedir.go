package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// checkReport finds out before the run whether its report can be written.
func (q *quickstart) checkReport() error {
	if q.opts.report == "" {
		return nil
	}
	f, err := os.OpenFile(q.opts.report, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("-report: %w", err)
	}
	return f.Close()
}

// openDir makes the state folder, or takes one of ours, and locks it. A folder
// with anybody else's files is refused, since a run clears away what it finds.
func (q *quickstart) openDir() (*os.File, error) {
	var err error
	if q.dir = q.opts.dir; q.dir == "" {
		if q.dir, err = os.MkdirTemp("", "quickstart-"); err != nil {
			return nil, err
		}
	}
	if q.dir, err = filepath.Abs(q.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		return nil, fmt.Errorf("-dir: %w", err)
	}
	if q.dir, err = filepath.EvalSymlinks(q.dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(q.dir)
	if err != nil {
		return nil, fmt.Errorf("-dir: %w", err)
	}
	if _, err := os.Stat(filepath.Join(q.dir, lockName)); err != nil && len(entries) > 0 {
		return nil, fmt.Errorf("-dir %s: the folder holds files that are not a quickstart's (%s); name a new or an empty one", q.dir, entries[0].Name())
	}
	return lockDir(q.dir)
}

func (q *quickstart) makeParts() error {
	for _, part := range []string{"build", "logs", "switchover"} {
		if err := os.MkdirAll(filepath.Join(q.dir, part), 0o700); err != nil {
			return fmt.Errorf("-dir: %w", err)
		}
	}
	return nil
}

// markerOf names the processes of a state folder, so that those of another
// folder are never touched.
func markerOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "quickstart-" + hex.EncodeToString(sum[:6])
}

// socketPath is in the state folder, unless that makes it longer than the
// system allows.
func (q *quickstart) socketPath() string {
	path := filepath.Join(q.dir, "switchover", "socket")
	if len(path) > 90 {
		path = filepath.Join(os.TempDir(), q.marker, "socket")
	}
	return path
}
