package importlaw

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// pkg is a package as its source says.
type pkg struct {
	path  string // relative to the module; "." is the root
	files []file
}

// file is one Go file of a package.
type file struct {
	path    string // relative to the module
	test    bool
	syntax  *ast.File
	imports []imported
}

// imported is one import declaration.
type imported struct {
	path string // relative to the module if it is one of ours
	name string // as declared; empty if none was
	ours bool
	std  bool
}

// load reads the packages of the module below root. Files with a build
// constraint of another system count as well. Nested modules, testdata and
// folders that begin with a dot or an underscore are left out.
func load(root string) (map[string]*pkg, error) {
	all := map[string]*pkg{}
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(at, d.Name(), rel)
		}
		if !strings.HasSuffix(at, ".go") {
			return nil
		}
		f, err := parse(at, filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		dir := path.Dir(f.path)
		if all[dir] == nil {
			all[dir] = &pkg{path: dir}
		}
		all[dir].files = append(all[dir].files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no Go files below %s", root)
	}
	return all, nil
}

// enter decides whether a folder holds packages of the module.
func enter(at, name, rel string) error {
	if rel == "." {
		return nil
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" {
		return filepath.SkipDir
	}
	_, err := os.Stat(filepath.Join(at, "go.mod"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

func parse(at, rel string) (file, error) {
	syntax, err := parser.ParseFile(token.NewFileSet(), at, nil, parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	f := file{path: rel, test: strings.HasSuffix(rel, "_test.go"), syntax: syntax}
	for _, spec := range syntax.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("%s: %w", rel, err)
		}
		i := imported{path: to}
		if spec.Name != nil {
			i.name = spec.Name.Name
		}
		switch own, found := strings.CutPrefix(to, Module+"/"); {
		case to == Module:
			i.path, i.ours = ".", true
		case found:
			i.path, i.ours = own, true
		default:
			first, _, _ := strings.Cut(to, "/")
			i.std = !strings.Contains(first, ".")
		}
		f.imports = append(f.imports, i)
	}
	return f, nil
}

// sorted returns the packages by path.
func sorted(all map[string]*pkg) []*pkg {
	return slices.SortedFunc(maps.Values(all), func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
}

// within reports whether an import path lies in one of the modules.
func within(importPath string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool {
		return importPath == m || strings.HasPrefix(importPath, m+"/")
	})
}
