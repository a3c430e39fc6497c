package filestore_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// content is what the test stores under a name.
func content(name string) []byte { return bytes.Repeat([]byte(name+" "), 3) }

// history puts and deletes, and marks what has returned.
func history(t *testing.T, rec *powercut.Recorder, s backup.Store) error {
	t.Helper()
	for _, step := range []string{"+data/one/a", "+data/one/b", "+keys", "-data/one/a", "-data/one/b", "+data/one/c"} {
		name := step[1:]
		var err error
		if step[0] == '+' {
			err = s.Put(t.Context(), name, bytes.NewReader(content(name)))
		} else {
			err = s.Delete(t.Context(), name)
		}
		if err != nil {
			return err
		}
		rec.Mark(step)
	}
	return nil
}

// survived checks the store after a power cut: what was acknowledged holds, and
// nothing that it shows is half.
func survived(t *testing.T) func(powercut.State) error {
	return func(state powercut.State) error {
		s, err := filestore.New(filepath.Join(state.Dir, "store"))
		if err != nil {
			return err
		}
		var there []string
		for o, err := range s.List(t.Context(), "") {
			if err != nil {
				return err
			}
			got, err := read(t, s, o.Name)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, content(o.Name)) || o.Size != int64(len(got)) {
				return fmt.Errorf("%s holds %q", o.Name, got)
			}
			there = append(there, o.Name)
		}
		last := map[string]bool{}
		for _, step := range state.Marks {
			last[step[1:]] = step[0] == '+'
		}
		for name, want := range last {
			next := "-" + name // may have begun
			if got := slices.Contains(there, name); got != want && !(want && begun(state.Marks, next)) {
				return fmt.Errorf("after %q: %s is there: %v", state.Marks, name, got)
			}
		}
		return nil
	}
}

// begun tells whether the step is the next one after those that were marked.
func begun(marks []string, step string) bool {
	order := []string{"+data/one/a", "+data/one/b", "+keys", "-data/one/a", "-data/one/b", "+data/one/c"}
	return len(marks) < len(order) && order[len(marks)] == step
}

func TestPowerCut(t *testing.T) {
	dir := t.TempDir()
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	require.NoError(t, history(t, rec, filestore.NewOn(filepath.Join(dir, "store"), rec)))
	recording := rec.Recording()
	t.Logf("%d operations, %d syncs", len(recording.Ops()), len(recording.Syncs()))
	require.GreaterOrEqual(t, len(recording.Syncs()), 10)
	require.NoError(t, recording.Prove(nil, survived(t)))
}

// The process is killed after each operation: nothing half is seen, the next
// one goes on, and what the first one left is swept.
func TestKilledAtEveryOperation(t *testing.T) {
	for kills := 0; ; kills++ {
		dir := t.TempDir()
		rec, err := powercut.New(dir)
		require.NoError(t, err)
		s := filestore.NewOn(filepath.Join(dir, "store"), rec)
		rec.KillAfter(kills)
		err = s.Put(t.Context(), "data/a", bytes.NewReader(content("data/a")))
		if err == nil {
			require.GreaterOrEqual(t, kills, 8)
			return
		}
		require.ErrorIs(t, err, powercut.ErrKilled)
		rec.KillAfter(-1)
		err = s.Put(t.Context(), "data/a", bytes.NewReader(content("data/a")))
		if err != nil { // the first one had got that far
			require.ErrorIs(t, err, fs.ErrExist)
		}
		rec.Mark("+data/a") // either answer says that it is there
		require.NoError(t, s.Sweep(t.Context(), time.Now().Add(time.Hour)))
		require.Equal(t, []string{"data", "data/a"}, tree(t, filepath.Join(dir, "store")))
		require.NoError(t, rec.Recording().Check(nil, survived(t)), "%q", rec.Recording().Ops())
	}
}

// tree is all that is below a folder.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			all = append(all, strings.TrimPrefix(path, dir+string(filepath.Separator)))
		}
		return err
	}))
	return all
}
