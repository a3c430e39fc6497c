package backup_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// procedure returns the commands of FORMAT.md that are marked with the word.
func procedure(t *testing.T, word string) string {
	t.Helper()
	text, err := os.ReadFile("FORMAT.md")
	require.NoError(t, err)
	var b strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh "+word+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		b.WriteString(block[1])
	}
	require.NotEmpty(t, b.String())
	return b.String()
}

// The procedure of the document restores without a program of ours, and stops
// where something is damaged.
func TestFormatByHand(t *testing.T) {
	repo, content := newRepository(t), some(t, 1<<20+1)
	content.file("a/late\nwith *?[a]", 0o600, []byte("in the last part"))
	w := repo.writer(t)
	w.SetPartSize(13 << 20)
	made, err := w.Backup(t.Context(), content)
	require.NoError(t, err)
	require.Len(t, made.Objects, 3)
	// What an Init leaves that lost a race is not taken for the keys.
	require.NoError(t, os.WriteFile(filepath.Join(repo.dir, "keys", "zzzzzzzzzzzzzzzz.9.age"), nil, 0o600))
	identity := filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(identity, []byte(repo.identity.Reveal()), 0o600))
	restore := func() (string, error) {
		target := t.TempDir()
		c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", procedure(t, "restore"))
		c.Env = append(os.Environ(), "REPOSITORY="+repo.dir, "IDENTITY="+identity, "BACKUP="+made.ID, "TARGET="+target)
		out, err := c.CombinedOutput()
		t.Logf("%s", out)
		return target, err
	}
	target, err := restore()
	require.NoError(t, err)
	for _, e := range content.entries {
		if e.Type == "file" {
			got, err := os.ReadFile(filepath.Join(target, e.Path))
			require.NoError(t, err)
			require.Equal(t, len(content.content[e.Path]), len(got))
			require.Equal(t, string(content.content[e.Path]), string(got))
		}
	}
	for _, name := range []string{made.Objects[0].Name, "backups/" + made.ID + "/backup.age"} {
		name = filepath.Join(repo.dir, name)
		whole, err := os.ReadFile(name)
		require.NoError(t, err)
		whole[len(whole)-1] ^= 1
		require.NoError(t, os.WriteFile(name, whole, 0o600))
		_, err = restore()
		require.Error(t, err, name)
		whole[len(whole)-1] ^= 1
		require.NoError(t, os.WriteFile(name, whole, 0o600))
	}
}
