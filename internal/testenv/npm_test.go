package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// elsewhere makes a checkout in a folder that only its owner can enter, and
// goes there.
func elsewhere(t *testing.T) (tools, root string) {
	t.Helper()
	tools, err := ToolsDir()
	require.NoError(t, err)
	root = filepath.Join(t.TempDir(), "private")
	require.NoError(t, os.Mkdir(root, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module "+modulePath+"\n"), 0o600))
	t.Chdir(root)
	return tools, root
}

func TestPostgresRunsFromACheckoutThatItsUserCannotEnter(t *testing.T) {
	if err := requirePresent(postgresName(18)); err != nil {
		giveUp(t, err)
	}
	Database(t, 18) // builds the guard
	tools, root := elsewhere(t)
	require.NoError(t, os.Symlink(tools, filepath.Join(root, ".tools")))
	p := Postgres(t, 18)
	if p.user.drop {
		require.True(t, strings.HasPrefix(p.Bin("postgres"), p.Dir()))
	}
	rows, err := p.Query(t.Context(), "postgres", "SHOW server_version_num")
	require.NoError(t, err)
	require.Equal(t, "18", rows[0][0][:2])
}

func TestHydrateNPMMakesTheLinks(t *testing.T) {
	if err := requirePresent(postgresName(18)); err != nil {
		giveUp(t, err)
	}
	tools, root := elsewhere(t)
	links := map[int]string{}
	for _, major := range []int{16, 17, 18} {
		from, to := npmPackage(tools, major), npmPackage(filepath.Join(root, ".tools"), major)
		for _, name := range []string{"package.json", "scripts/hydrate-symlinks.js"} {
			text, err := os.ReadFile(filepath.Join(from, name))
			require.NoError(t, err)
			writeFile(t, filepath.Join(to, name), string(text))
		}
		writeFile(t, filepath.Join(to, "native/lib/a.so.1"), fmt.Sprint(major))
		writeFile(t, filepath.Join(to, "native/pg-symlinks.json"),
			`[{"source":"native/lib/a.so.1","target":"native/lib/a.so"}]`)
		links[major] = filepath.Join(to, "native/lib/a.so")
		require.NoFileExists(t, links[major])
	}
	for range 2 {
		require.NoError(t, HydrateNPM(t.Context()))
		for major, link := range links {
			text, err := os.ReadFile(link)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(major), string(text))
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}
