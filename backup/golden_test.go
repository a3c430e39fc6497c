package backup_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

var update = flag.Bool("update", false, "make the golden repository of the format again")

const (
	golden = "testdata/format1"
	// ageKey is how an identity begins; the files have @ in its place.
	ageKey = "AGE-SECRET-" + "KEY-1"
)

// goldenSecret reads a key of the golden repository.
func goldenSecret(t *testing.T, name string) secrets.Value {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(golden, name))
	require.NoError(t, err)
	return secrets.New(strings.ReplaceAll(string(text), "@", ageKey))
}

// A repository of each version of the format stays readable.
func TestGoldenRepository(t *testing.T) {
	if *update {
		makeGolden(t)
	}
	dir := filepath.Join(t.TempDir(), "store") // a copy: it is written to
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(golden, "store"))))
	store, err := filestore.New(dir)
	require.NoError(t, err)
	r, err := backup.OpenReader(t.Context(), store, goldenSecret(t, "operator.txt"), nil)
	require.NoError(t, err)
	all, errs := list(t, r)
	require.Len(t, all, 5)
	kinds := map[string]*backup.Listing{}
	for id, l := range all {
		require.NoError(t, errs[id])
		switch {
		case l.Void != "":
			kinds["void"] = l
		case l.Tombstone != nil:
			kinds["tombstone"] = l
		case l.Parents != nil:
			kinds["child"] = l
		case l.Files == 3:
			kinds["full"] = l
		}
	}
	require.Len(t, kinds, 4)
	require.True(t, kinds["full"].Verified[0].Deep)
	target := filepath.Join(t.TempDir(), "full")
	_, err = r.Restore(t.Context(), kinds["full"].ID, target, nil)
	require.NoError(t, err)
	requireTree(t, small(), target)
	target = filepath.Join(t.TempDir(), "child")
	_, err = r.Restore(t.Context(), kinds["child"].ID, target, nil)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(target, "b"))
	w, err := backup.OpenWriter(t.Context(), store, goldenSecret(t, "writer.txt"), nil)
	require.NoError(t, err)
	_, err = w.Backup(t.Context(), small())
	require.NoError(t, err)
	k, err := backup.OpenKeeper(t.Context(), store, goldenSecret(t, "keeper.txt"), nil)
	require.NoError(t, err)
	rep, err := k.Delete(t.Context())
	require.NoError(t, err)
	require.Subset(t, append(rep.Backups, rep.Waiting...), []string{kinds["tombstone"].ID})
}

func makeGolden(t *testing.T) {
	t.Helper()
	require.NoError(t, os.RemoveAll(golden))
	store, err := filestore.New(filepath.Join(golden, "store"))
	require.NoError(t, err)
	identity, recipient := newOperator(t)
	keys, err := backup.Init(t.Context(), store, backup.InitOptions{Operators: []string{recipient}})
	require.NoError(t, err)
	for name, secret := range map[string]secrets.Value{"operator.txt": identity, "writer.txt": keys.Writer, "keeper.txt": keys.Keeper} {
		text := strings.ReplaceAll(secret.Reveal(), ageKey, "@")
		require.NoError(t, os.WriteFile(filepath.Join(golden, name), []byte(text), 0o600))
	}
	w, err := backup.OpenWriter(t.Context(), store, keys.Writer, &backup.WriterOptions{Host: "golden"})
	require.NoError(t, err)
	w.SetPartSize(2048)
	made, err := w.Backup(t.Context(), small())
	require.NoError(t, err)
	r, err := backup.OpenReader(t.Context(), store, identity, nil)
	require.NoError(t, err)
	_, err = r.Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
	require.NoError(t, err)
	parent := newFull("a", "b")
	of, err := w.Backup(t.Context(), parent)
	require.NoError(t, err)
	_, err = r.Verify(t.Context(), of.ID, nil)
	require.NoError(t, err)
	_, err = w.Backup(t.Context(), newChild(of, parent.stored, "c"))
	require.NoError(t, err)
	_, err = w.Backup(t.Context(), &corrupt{newFull("a")})
	require.Error(t, err)
	k, err := backup.OpenKeeper(t.Context(), store, keys.Keeper, nil)
	require.NoError(t, err)
	last, err := w.Backup(t.Context(), newFull("x"))
	require.NoError(t, err)
	require.NoError(t, k.GiveUp(t.Context(), "golden", last.ID))
}
