package dirbackup_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The procedure of FORMAT.md restores a backup that refers to others, odd names and
// all, without a program of ours.
func TestByHand(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := &forest{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, dir: t.TempDir()}
	f.grow(f.dir, 3, 30)
	for _, name := range []string{"-rf", "new\nline", "back\\slash", "\\n", "*", "[a]", `"quote"`, "@x", "ünï"} {
		write(t, filepath.Join(f.dir, "odd", name), name)
	}
	f.dress(1)
	repo, p := newRepository(t), producer(t, f.dir, nil)
	repo.backup(t, p)
	write(t, filepath.Join(f.dir, "new"), "new")
	b, d := repo.backup(t, p)
	require.Positive(t, d.Referred)

	text, err := os.ReadFile("../../FORMAT.md")
	require.NoError(t, err)
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh restore\n(.*?)```").FindAllSubmatch(text, -1) {
		script.WriteString(string(block[1]))
	}
	require.NotEmpty(t, script.String())
	target, identity := t.TempDir(), filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(identity, []byte(repo.identity.Reveal()), 0o600))
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script.String())
	cmd.Env = append(os.Environ(), "REPOSITORY="+repo.dir, "IDENTITY="+identity, "BACKUP="+b.ID, "TARGET="+target)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	want, got := snapshot(t, f.dir), snapshot(t, target)
	for _, all := range []map[string]node{want, got} {
		delete(all, ".") // the procedure is given the folder
		for name, n := range all {
			if n.mode.IsDir() {
				n.modified = 0 // that of the last file, as FORMAT.md says
				all[name] = n
			}
		}
	}
	requireSame(t, want, got)
}
