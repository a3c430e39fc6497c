package leakscan_test

import (
	"bytes"
	"context"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

var update = flag.Bool("update", false, "write testdata/repository.json anew")

// TestThisRepository scans the Go files of this module, and those of the
// modules in it. What the baseline has are invented values in tests.
func TestThisRepository(t *testing.T) {
	root, err := os.OpenRoot(filepath.Join("..", ".."))
	require.NoError(t, err)
	defer func() { require.NoError(t, root.Close()) }()
	s := newScanner(t, &leakscan.Options{Skip: []string{".*", "node_modules", "testdata"}})
	files := 0
	var findings []leakscan.Finding
	for f, err := range s.Tree(context.Background(), goFiles{root.FS(), &files}) {
		require.NoError(t, err)
		findings = append(findings, f)
	}
	require.Greater(t, files, 200)

	name := filepath.Join("testdata", "repository.json")
	if *update {
		var text bytes.Buffer
		require.NoError(t, leakscan.NewBaseline(findings).Write(&text))
		require.NoError(t, os.WriteFile(name, text.Bytes(), 0o644))
	}
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	baseline, err := leakscan.ReadBaseline(bytes.NewReader(content))
	require.NoError(t, err)
	fresh, stale := baseline.Filter(findings)
	for _, f := range fresh {
		t.Errorf("%v\n\twrite it in two pieces, or put // leakscan:"+"allow=%s and the reason behind it", f, f.Rule)
	}
	for _, e := range stale {
		t.Logf("%s has no %s any more; run this test with -update", e.Path, e.Rule)
	}
}

// goFiles is a tree without the files that are not Go.
type goFiles struct {
	fs.FS
	files *int
}

// ReadDir is as in [fs.ReadDirFS].
func (g goFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(g.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		isGo := path.Ext(e.Name()) == ".go"
		if isGo {
			*g.files++
		}
		return !isGo && !e.IsDir()
	}), err
}
