package main

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The built-in releases are Go source, so that the quickstart releases what it
// really built. They are compiled as a module of their own.
//
//go:embed service/service.go releases/*/main.go
var builtin embed.FS

const builtinModule = "module github.com/masaruk/devops/examples/quickstart\n\ngo 1.26\n"

// version is one release to make.
type version struct {
	// Name is the folder's name; the service hears it as RELEASE.
	Name string
	// Dir holds a Go main package or an executable file named run.
	Dir string
	// Go tells that it has to be compiled.
	Go bool
}

var versionRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// findVersions lists the subfolders of dir as versions, in natural order.
func findVersions(dir string) ([]version, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("-releases: %w", err)
	}
	var found []version
	var errs []error
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name())) // of what a link leads to
		if strings.HasPrefix(e.Name(), ".") || err == nil && !info.IsDir() {
			continue
		}
		v, err := readVersion(filepath.Join(dir, e.Name()))
		if err != nil {
			errs = append(errs, err)
		}
		found = append(found, v)
	}
	if len(found) == 0 {
		errs = append(errs, fmt.Errorf("-releases %s: no subfolder, and so nothing to release", dir))
	}
	if slices.ContainsFunc(found, func(v version) bool { return v.Go }) {
		if _, err := goTool(); err != nil {
			errs = append(errs, err)
		}
	}
	slices.SortFunc(found, func(a, b version) int { return naturalCompare(a.Name, b.Name) })
	return found, errors.Join(errs...)
}

func readVersion(dir string) (version, error) {
	v := version{Name: filepath.Base(dir), Dir: dir}
	if !versionRE.MatchString(v.Name) {
		return v, fmt.Errorf("-releases: folder %q: the name may have letters, digits, \".\", \"_\" and \"-\", at most 64", v.Name)
	}
	if info, err := os.Stat(filepath.Join(dir, "run")); err == nil && info.Mode().IsRegular() {
		if info.Mode()&0o111 == 0 {
			return v, fmt.Errorf("-releases: %s is not executable; chmod +x it", filepath.Join(dir, "run"))
		}
		return v, nil
	}
	if sources, _ := filepath.Glob(filepath.Join(dir, "*.go")); len(sources) > 0 {
		v.Go = true
		return v, nil
	}
	return v, fmt.Errorf("-releases: folder %s has neither Go files nor an executable file named run", dir)
}

// unpackBuiltin writes the built-in releases below dir and lists them.
func unpackBuiltin(dir string) ([]version, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, builtin); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(builtinModule), 0o600); err != nil {
		return nil, err
	}
	return findVersions(filepath.Join(dir, "releases"))
}

// naturalCompare orders names so that v2 comes before v10.
func naturalCompare(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		var p, q string
		p, x = chunk(x)
		q, y = chunk(y)
		if c := compareChunks(p, q); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// chunk cuts s after its first run of digits or of other characters.
func chunk(s string) (first, rest string) {
	digits := isDigit(s[0])
	for i := range len(s) {
		if isDigit(s[i]) != digits {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func compareChunks(p, q string) int {
	if isDigit(p[0]) && isDigit(q[0]) {
		p, q = strings.TrimLeft(p, "0"), strings.TrimLeft(q, "0")
		return cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q))
	}
	return cmp.Compare(p, q)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// goTool finds the go command.
func goTool() (string, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("the releases are Go programs, and there is no go command in PATH: %w", err)
	}
	return path, nil
}

// inModule tells whether a go.mod stands in dir or above it.
func inModule(dir string) bool {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}
