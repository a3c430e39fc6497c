package backup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
)

// produce is a Producer that is a function.
type produce func(s *backup.Session) error

func (produce) Kind() string { return "test" }

func (p produce) Produce(_ context.Context, s *backup.Session) (any, error) { return nil, p(s) }

// The Writer's key, which reads no content, reads the index of an earlier backup,
// and only as it was stored.
func TestEntries(t *testing.T) {
	repo, content := newRepository(t), some(t, 1000)
	made, err := repo.writer(t).Backup(t.Context(), content)
	require.NoError(t, err)
	w, last := repo.writer(t), ""
	found := map[string]backup.Entry{}
	for e, err := range w.Entries(t.Context(), made) {
		require.NoError(t, err)
		require.Less(t, last, e.Path)
		last, found[e.Path] = e.Path, e
	}
	require.Len(t, found, len(content.entries))
	for _, e := range content.entries {
		require.Equal(t, e.Size, found[e.Path].Size)
		require.True(t, e.Modified.Equal(found[e.Path].Modified))
	}
	_, err = w.Backup(t.Context(), produce(func(s *backup.Session) error {
		require.Same(t, w, s.Writer())
		return s.Refer(found["empty"], made)
	}))
	require.NoError(t, err)

	for _, o := range made.Objects {
		if o.Role != backup.ObjectIndex {
			continue
		}
		name := filepath.Join(repo.dir, o.Name)
		whole, err := os.ReadFile(name)
		require.NoError(t, err)
		whole[len(whole)-1] ^= 1
		require.NoError(t, os.WriteFile(name, whole, 0o600))
	}
	for _, err := range w.Entries(t.Context(), made) {
		require.ErrorIs(t, err, backup.ErrDamaged, "nothing comes before it")
	}
}

// A file that its check refuses is not in the backup, and the path may be added
// again, also for something else.
func TestAddChecked(t *testing.T) {
	repo, unfit := newRepository(t), errors.New("unfit")
	made, err := repo.writer(t).Backup(t.Context(), produce(func(s *backup.Session) error {
		for i, sum := range []string{"", "", "sum"} {
			e := backup.Entry{Path: "file", Type: backup.EntryFile, Mode: 0o600, Size: 4}
			e, err := s.AddChecked(e, strings.NewReader("try"+string(rune('0'+i))), func() (string, error) {
				if sum == "" {
					return "", unfit
				}
				return sum, nil
			})
			if sum == "" {
				require.Same(t, unfit, err)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, "sum", e.SHA256)
		}
		_, err := s.AddChecked(backup.Entry{Path: "d", Type: backup.EntryFile}, nil, func() (string, error) { return "", unfit })
		require.Same(t, unfit, err)
		_, err = s.Add(backup.Entry{Path: "d", Type: backup.EntryDir, Mode: 0o700}, nil)
		return err
	}))
	require.NoError(t, err)
	require.EqualValues(t, 1, made.Files)
	r, dir := repo.reader(t), filepath.Join(t.TempDir(), "restored")
	_, err = r.Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
	require.NoError(t, err)
	_, err = r.Restore(t.Context(), made.ID, dir, nil)
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(dir, "file"))
	require.NoError(t, err)
	require.Equal(t, "try2", string(got))
	require.DirExists(t, filepath.Join(dir, "d"))
}

// A link whose target JSON would change is refused, and not stored as another one.
func TestLinkThatIsNoText(t *testing.T) {
	repo := newRepository(t)
	f := &files{entries: []backup.Entry{{Path: "link", Type: backup.EntryLink, Link: "to\xff"}}}
	_, err := repo.writer(t).Backup(t.Context(), f)
	require.ErrorContains(t, err, "not UTF-8")
}
