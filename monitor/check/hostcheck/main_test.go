package hostcheck_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
)

// tree is a folder that stands for the root of a machine, with files by path.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T, files map[string]string) *tree {
	t.Helper()
	tr := &tree{t, t.TempDir()}
	for path, text := range files {
		tr.write(path, text)
	}
	return tr
}

func (tr *tree) write(path, text string) {
	tr.t.Helper()
	full := filepath.Join(tr.root, path)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(full), 0o700))
	require.NoError(tr.t, os.WriteFile(full, []byte(text), 0o600))
}

func value(t *testing.T, r monitor.Result, name string) float64 {
	t.Helper()
	for _, m := range r.Measurements {
		if m.Name == name {
			return m.Value
		}
	}
	require.Fail(t, "no measurement "+name, "%+v", r)
	return 0
}

func names(r monitor.Result) string {
	var all []string
	for _, m := range r.Measurements {
		all = append(all, m.Name+" "+m.Unit)
	}
	return strings.Join(all, ",")
}
