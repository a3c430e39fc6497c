package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// walkSource calls visit with the path, relative to root, of every file of the
// checkout, but for folders that hold no source of ours: those that begin with
// a dot or an underscore, and node_modules.
func walkSource(root string, visit func(path string)) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(rel))
		return nil
	})
}

// inTestdata reports whether a path lies in a folder that the go command
// ignores because of its name.
func inTestdata(path string) bool {
	return slices.Contains(strings.Split(path, "/"), "testdata")
}

// findModules returns the folders of the modules of the checkout, relative to
// root: "." first.
func findModules(root string) ([]string, error) {
	var dirs []string
	err := walkSource(root, func(path string) {
		if filepath.Base(path) == "go.mod" && !inTestdata(path) {
			dirs = append(dirs, filepath.ToSlash(filepath.Dir(path)))
		}
	})
	if err != nil {
		return nil, err
	}
	for i, dir := range dirs {
		if dir == "." {
			return append([]string{"."}, append(dirs[:i:i], dirs[i+1:]...)...), nil
		}
	}
	return nil, fmt.Errorf("no go.mod in %s", root)
}

// goFiles returns the Go files of the checkout, nested modules included,
// relative to root.
func goFiles(root string) ([]string, error) {
	var files []string
	err := walkSource(root, func(path string) {
		if strings.HasSuffix(path, ".go") && !inTestdata(path) {
			files = append(files, path)
		}
	})
	return files, err
}

// lockFiles returns the lock files of npm, those in testdata included,
// relative to root.
func lockFiles(root string) ([]string, error) {
	var files []string
	err := walkSource(root, func(path string) {
		switch filepath.Base(path) {
		case "package-lock.json", "npm-shrinkwrap.json":
			files = append(files, path)
		}
	})
	return files, err
}
