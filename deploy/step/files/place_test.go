package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// unsynced is the real file system without its waits, for what is looked at
// once and thrown away.
type unsynced struct{ durable.OS }

func (unsynced) SyncDir(string) error { return nil }

func (u unsynced) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	f, err := u.OS.OpenFile(name, flag, perm)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ durable.File }

func (unsyncedFile) Sync() error { return nil }

// scene is something that a step places.
type scene struct {
	name   string
	before func(t *testing.T, to string) // what stands there
	place  func(p *place) error
	old    string // as shown by look
	new    string
}

// look shows what stands at a path.
func look(path string) string {
	var all []string
	err := filepath.WalkDir(path, func(name string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, name)
		if err != nil {
			return err
		}
		text := rel
		if e.Type().IsRegular() {
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text += "=" + string(content)
		}
		all = append(all, text)
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return "nothing"
	}
	if err != nil {
		return err.Error()
	}
	return strings.Join(all, " ")
}

func scenes(t *testing.T) []scene {
	from := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(from, "a"), []byte("new a"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(from, "d"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(from, "d", "b"), []byte("new b"), 0o600))
	file := func(t *testing.T, to string) { require.NoError(t, os.WriteFile(to, []byte("old content"), 0o600)) }
	tree := func(t *testing.T, to string) {
		require.NoError(t, os.Mkdir(to, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(to, "a"), []byte("old a"), 0o600))
	}
	nothing := func(*testing.T, string) {}
	ctx := context.Background()
	write := func(p *place) error { _, err := p.write(ctx, []byte("new content"), 0o600); return err }
	copyFile := func(p *place) error { _, err := p.copy(ctx, filepath.Join(from, "a"), ""); return err }
	copyTree := func(p *place) error { _, err := p.copy(ctx, from, ""); return err }
	return []scene{
		{"write over a file", file, write, ".=old content", ".=new content"},
		{"write where nothing is", nothing, write, "nothing", ".=new content"},
		{"copy over a file", file, copyFile, ".=old content", ".=new a"},
		{"copy a tree over a tree", tree, copyTree, ". a=old a", ". a=new a d d/b=new b"},
		{"copy a tree where nothing is", nothing, copyTree, "nothing", ". a=new a d d/b=new b"},
	}
}

func placeIn(t *testing.T, fsys durable.FS, dir string) *place {
	t.Helper()
	p, err := newPlace(&deploy.Call{Service: "shop", Environment: "stg", Run: "r1", Step: "s", Host: "local"}, fsys, filepath.Join(dir, "to"))
	require.NoError(t, err)
	return p
}

// recorded is a folder with a scene in it.
func (s scene) recorded(t *testing.T) (dir string, rec *powercut.Recorder) {
	t.Helper()
	dir = t.TempDir()
	s.before(t, filepath.Join(dir, "to"))
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	return dir, rec
}

// TestEveryPowerCut looks at every state that a power cut may leave: of a file
// the old or the new, never less; the new one once the step has succeeded; and
// in any case the old one after the undo.
func TestEveryPowerCut(t *testing.T) {
	for _, s := range scenes(t) {
		t.Run(s.name, func(t *testing.T) {
			dir, rec := s.recorded(t)
			require.NoError(t, s.place(placeIn(t, rec, dir)))
			rec.Mark("placed")
			isTree := strings.Contains(s.name, "over a tree")
			check := func(st powercut.State) error {
				now := look(filepath.Join(st.Dir, "to"))
				switch {
				case len(st.Marks) > 0 && now != s.new:
					return fmt.Errorf("placed, and then %q", now)
				case now != s.old && now != s.new && !(isTree && now == "nothing"):
					return fmt.Errorf("neither old nor new: %q", now)
				}
				p := placeIn(t, unsynced{}, st.Dir)
				if _, err := p.restore(); err != nil {
					return err
				}
				if now := look(p.to); now != s.old {
					return fmt.Errorf("after the undo: %q", now)
				}
				return nil
			}
			require.NoError(t, rec.Recording().Prove(nil, check))
			t.Logf("%d operations", len(rec.Recording().Ops()))
		})
	}
}

// TestEveryPowerCutOfTheUndo does the same on the way back.
func TestEveryPowerCutOfTheUndo(t *testing.T) {
	for _, s := range scenes(t) {
		t.Run(s.name, func(t *testing.T) {
			dir, _ := s.recorded(t)
			require.NoError(t, s.place(placeIn(t, durable.OS{}, dir)))
			rec, err := powercut.New(dir)
			require.NoError(t, err)
			_, err = placeIn(t, rec, dir).restore()
			require.NoError(t, err)
			rec.Mark("undone")
			check := func(st powercut.State) error {
				now := look(filepath.Join(st.Dir, "to"))
				switch {
				case len(st.Marks) > 0 && now != s.old:
					return fmt.Errorf("undone, and then %q", now)
				case now != s.old && now != s.new && !(strings.Contains(s.name, "over a tree") && now == "nothing"):
					return fmt.Errorf("neither old nor new: %q", now)
				}
				p := placeIn(t, unsynced{}, st.Dir)
				if _, err := p.restore(); err != nil {
					return err
				}
				if now := look(p.to); now != s.old {
					return fmt.Errorf("after the undo: %q", now)
				}
				return nil
			}
			require.NoError(t, rec.Recording().Check(nil, check))
		})
	}
}

// TestEveryKill ends the step after each of its operations, and then repeats
// or undoes it as a new program would.
func TestEveryKill(t *testing.T) {
	for _, s := range scenes(t) {
		t.Run(s.name, func(t *testing.T) {
			dir, rec := s.recorded(t)
			require.NoError(t, s.place(placeIn(t, rec, dir)))
			total := len(rec.Recording().Ops())
			require.GreaterOrEqual(t, total, 7)
			t.Logf("%d kill points", total)
			for n := range total {
				for _, repeat := range []bool{true, false} {
					dir, rec := s.recorded(t)
					rec.KillAfter(n)
					require.ErrorIs(t, s.place(placeIn(t, rec, dir)), powercut.ErrKilled, "kill %d of %d", n, total)
					p := placeIn(t, unsynced{}, dir)
					if repeat {
						require.NoError(t, s.place(p))
						require.Equal(t, s.new, look(p.to))
					}
					_, err := p.restore()
					require.NoError(t, err)
					require.Equal(t, s.old, look(p.to), "kill %d of %d, repeated %v", n, total, repeat)
					_, err = p.restore()
					require.NoError(t, err)
					require.Equal(t, s.old, look(p.to), "an undo that is done twice")
				}
			}
		})
	}
}

func TestAPathOfAnOutputMustBeAbsoluteToo(t *testing.T) {
	_, err := newPlace(&deploy.Call{}, unsynced{}, "here")
	require.ErrorContains(t, err, "no absolute path")
	_, err = newPlace(&deploy.Call{}, unsynced{}, "/")
	require.ErrorContains(t, err, "no name of a file")
	p, err := newPlace(&deploy.Call{}, unsynced{}, "/a/../b/")
	require.NoError(t, err)
	require.Equal(t, "/b", p.to)
}

func TestWhatEndedRunsSavedGoes(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "to")
	names := func() []string {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		var all []string
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	placed := func(service, run, step, content string) *place {
		p, err := newPlace(&deploy.Call{Service: service, Environment: "stg", Run: deploy.RunID(run), Step: step}, unsynced{}, to)
		require.NoError(t, err)
		_, err = p.write(t.Context(), []byte(content), 0o600)
		require.NoError(t, err)
		return p
	}
	placed("shop", "r1", "s", "1")
	placed("other", "r1", "s", "2")
	second := placed("shop", "r2", "s", "3")
	third := placed("shop", "r2", "t", "4")
	require.Len(t, names(), 4, "to, the other service's, and two of the last run: %v", names())
	_, err := third.restore()
	require.NoError(t, err)
	require.Equal(t, ".=3", look(to))
	_, err = second.restore()
	require.NoError(t, err)
	require.Equal(t, ".=2", look(to))
	require.Len(t, slices.DeleteFunc(names(), func(n string) bool { return n == "to" }), 1, "the other service's")
}
