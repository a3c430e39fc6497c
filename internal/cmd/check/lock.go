package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// lockFile is what matters in a lock file of npm. Versions 2 and 3 have a map
// of packages; version 1 has none.
type lockFile struct {
	Packages map[string]struct {
		Resolved, Integrity string
		Link                bool
	}
}

// lockStep checks that no lock file names an address: a lock pins contents by
// digest, and each machine has its own way to the registry.
func lockStep(b *bench) step {
	return step{"lock files without addresses", func(_ context.Context, log io.Writer) outcome {
		files, err := lockFiles(b.root)
		if err != nil {
			return result(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(b.root, file))
			if err != nil {
				return result(err)
			}
			if err := lockProblem(text); err != nil {
				return fail("%s: %v", file, err)
			}
			fmt.Fprintln(log, file)
		}
		return remark("%d files", len(files))
	}}
}

// lockProblem finds the first package of a lock file that names the address it
// came from, or that no digest pins.
func lockProblem(text []byte) error {
	var lock lockFile
	if err := json.Unmarshal(text, &lock); err != nil {
		return err
	}
	if lock.Packages == nil {
		return fmt.Errorf("it has no packages: make it with npm 7 or newer")
	}
	for _, name := range slices.Sorted(maps.Keys(lock.Packages)) {
		p := lock.Packages[name]
		switch {
		case name == "" || p.Link:
		case p.Resolved != "":
			return fmt.Errorf("%s names an address: put omit-lockfile-registry-resolved=true into the .npmrc beside it and make it again", name)
		case p.Integrity == "":
			return fmt.Errorf("%s has no digest", name)
		}
	}
	return nil
}
