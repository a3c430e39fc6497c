package release_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/secrets"
)

var update = flag.Bool("update", false, "write the golden files anew")

// unsynced is the real file system without its waits.
type unsynced struct{ durable.OS }

func (unsynced) SyncDir(string) error { return nil }

func (u unsynced) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	f, err := u.OS.OpenFile(name, flag, perm)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ durable.File }

func (unsyncedFile) Sync() error { return nil }

func open(t testing.TB, root string) *release.Dir {
	t.Helper()
	d, err := release.NewOn(root, unsynced{})
	require.NoError(t, err)
	return d
}

// spec is a release whose files say which one it is.
func spec(id string) release.Spec {
	return release.Spec{
		ID: id,
		From: fstest.MapFS{
			"server.js":      {Data: []byte("serve " + id), Mode: 0o644},
			"bin/run":        {Data: []byte("#!/bin/sh"), Mode: 0o755},
			"uploads/sample": {Data: []byte("left out"), Mode: 0o644},
		},
		Env:     map[string]string{"RELEASE": id},
		Secrets: map[string]secrets.Value{"TOKEN": secrets.New("hidden of " + id)},
		Shared:  []string{"uploads"},
	}
}

func stage(t testing.TB, d *release.Dir, ids ...string) {
	t.Helper()
	for _, id := range ids {
		_, err := d.Stage(t.Context(), spec(id))
		require.NoError(t, err)
	}
}

// whole tells whether current is a complete release, and which.
func whole(d *release.Dir) (string, error) {
	id, err := d.Current()
	if err != nil {
		return "", err
	}
	path, err := filepath.EvalSymlinks(filepath.Join(d.Root(), "current"))
	if err != nil {
		return "", err
	}
	return id, complete(path, id)
}

// complete tells whether the directory is the release of spec(id).
func complete(path, id string) error {
	for name, want := range map[string]string{
		"server.js": "serve " + id,
		"bin/run":   "#!/bin/sh",
		"env":       fmt.Sprintf("RELEASE=%s\nTOKEN='hidden of %s'\n", id, id),
	} {
		got, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			return err
		}
		if string(got) != want {
			return fmt.Errorf("%s of release %s is %q", name, id, got)
		}
	}
	_, err := os.ReadDir(filepath.Join(path, "uploads")) // through the link
	return err
}

func TestLayout(t *testing.T) {
	root := filepath.Join(t.TempDir(), "srv/api")
	d, err := release.New(root, nil)
	require.NoError(t, err)
	require.NoDirExists(t, root, "New does no I/O")
	_, err = d.Current()
	require.ErrorIs(t, err, fs.ErrNotExist)
	r, err := d.Stage(t.Context(), spec("v1"))
	require.NoError(t, err)
	require.Equal(t, release.Staged, r.State())
	require.Equal(t, filepath.Join(root, "releases/v1"), r.Path)
	require.NoError(t, d.Activate(t.Context(), "v1"))
	id, err := whole(d)
	require.NoError(t, err)
	require.Equal(t, "v1", id)

	link, err := os.Readlink(filepath.Join(root, "current"))
	require.NoError(t, err)
	require.Equal(t, "releases/v1", link)
	link, err = os.Readlink(filepath.Join(r.Path, "uploads"))
	require.NoError(t, err)
	require.Equal(t, "../../shared/uploads", link)
	for name, mode := range map[string]fs.FileMode{
		"releases/v1/env": 0o600, "releases/v1/bin/run": 0o755, "releases/v1/server.js": 0o644,
		"records/v1.json": 0o600, "records": 0o700, "releases": 0o755,
	} {
		info, err := os.Stat(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
	// The root can be moved.
	moved := filepath.Join(t.TempDir(), "moved")
	require.NoError(t, os.Rename(root, moved))
	_, err = whole(open(t, moved))
	require.NoError(t, err)
}

func TestRecordHasNoSecret(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	stage(t, d, "v1")
	require.NoError(t, d.Activate(t.Context(), "v1"))
	require.NoError(t, d.Prove(t.Context(), "v1", "0 of 1200 requests failed"))
	data, err := os.ReadFile(filepath.Join(root, "records/v1.json"))
	require.NoError(t, err)
	require.NotContains(t, string(data), "hidden")
	var r struct {
		Version  int
		Artefact string
		Events   []struct{ State, Evidence string }
	}
	require.NoError(t, json.Unmarshal(data, &r))
	require.Equal(t, 1, r.Version)
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, r.Artefact)
	require.Equal(t, "[{staged } {active } {proven 0 of 1200 requests failed}]", fmt.Sprint(r.Events))
}

// Records of each version stay readable.
func TestGoldenRecord(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	stage(t, d, "v1")
	golden := filepath.Join("testdata", "record-v1.json")
	path := filepath.Join(root, "records/v1.json")
	if *update {
		require.NoError(t, d.Activate(t.Context(), "v1"))
		require.NoError(t, d.Prove(t.Context(), "v1", "0 of 1200 requests failed"))
		require.NoError(t, d.Fail(t.Context(), "v1", "disk of the database is full"))
		require.NoError(t, os.Rename(path, golden))
	}
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	r, err := d.Get("v1")
	require.NoError(t, err)
	require.Equal(t, release.Failed, r.State())
	require.Equal(t, []string{"uploads"}, r.Shared)
	require.Equal(t, "env", r.EnvFile)
	require.Len(t, r.Events, 4)
	_, proven := r.Proven()
	require.False(t, proven)

	require.NoError(t, os.WriteFile(path, bytes.Replace(data, []byte(`"version": 1`), []byte(`"version": 2`), 1), 0o600))
	_, err = d.Get("v1")
	require.ErrorIs(t, err, release.ErrVersion)
	for _, bad := range []string{"", "{", "{}", strings.Replace(string(data), `"id": "v1"`, `"id": "v2"`, 1)} {
		require.NoError(t, os.WriteFile(path, []byte(bad), 0o600))
		_, err = d.Get("v1")
		require.ErrorContains(t, err, path)
		_, err = d.Prune(t.Context(), 0)
		require.Error(t, err, "nothing is deleted while a record cannot be read")
	}
	require.DirExists(t, filepath.Join(root, "releases/v1"))
}

func TestStates(t *testing.T) {
	d := open(t, t.TempDir())
	stage(t, d, "v1", "v2")
	ctx := t.Context()
	require.ErrorIs(t, d.Prove(ctx, "v1", ""), release.ErrNeverActive)
	_, err := d.LastProven()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, d.Activate(ctx, "v1"))
	require.NoError(t, d.Prove(ctx, "v1", "good"))
	require.NoError(t, d.Activate(ctx, "v2"))
	require.NoError(t, d.Prove(ctx, "v2", "good"))
	last, err := d.LastProven()
	require.NoError(t, err)
	require.Equal(t, "v2", last.ID)
	last, err = d.LastProven("v2")
	require.NoError(t, err)
	require.Equal(t, "v1", last.ID)

	require.NoError(t, d.Fail(ctx, "v2", "errors from minute 3 on"))
	require.ErrorIs(t, d.Prove(ctx, "v2", ""), release.ErrNeverActive)
	last, err = d.LastProven()
	require.NoError(t, err)
	require.Equal(t, "v1", last.ID)
	require.NoError(t, d.Activate(ctx, last.ID))
	require.NoError(t, d.Activate(ctx, last.ID), "again changes nothing")
	r, err := d.Get("v1")
	require.NoError(t, err)
	require.Equal(t, release.Active, r.State())
	_, proven := r.Proven()
	require.True(t, proven, "it stays proven when it is activated again")
	require.Len(t, r.Events, 4)
}

func TestStageAgain(t *testing.T) {
	d := open(t, t.TempDir())
	stage(t, d, "v1")
	first, err := d.Get("v1")
	require.NoError(t, err)
	same, err := d.Stage(t.Context(), spec("v1"))
	require.NoError(t, err)
	require.Equal(t, first, same)

	changes := map[string]func(*release.Spec){
		"content":    func(s *release.Spec) { s.From.(fstest.MapFS)["server.js"].Data = []byte("other") },
		"executable": func(s *release.Spec) { s.From.(fstest.MapFS)["server.js"].Mode = 0o755 },
		"name":       func(s *release.Spec) { s.From.(fstest.MapFS)["more"] = &fstest.MapFile{} },
		"env":        func(s *release.Spec) { s.Env["RELEASE"] = "other" },
		"secret":     func(s *release.Spec) { s.Secrets["TOKEN"] = secrets.New("other") },
		"no env":     func(s *release.Spec) { s.Env, s.Secrets = nil, nil },
		"env file":   func(s *release.Spec) { s.EnvFile = ".env" },
		"shared":     func(s *release.Spec) { s.Shared = append(s.Shared, "logs") },
	}
	for name, change := range changes {
		changed := spec("v1")
		change(&changed)
		r, err := d.Stage(t.Context(), changed)
		require.NoError(t, err, name)
		require.False(t, first.Created.Equal(r.Created), "%s: one that never served is replaced", name)
		again, err := d.Get("v1")
		require.NoError(t, err)
		require.Equal(t, r, again, name)
	}
	_, err = d.Stage(t.Context(), spec("v1"))
	require.NoError(t, err)
	require.NoError(t, d.Activate(t.Context(), "v1"))
	stage(t, d, "v2")
	require.NoError(t, d.Activate(t.Context(), "v2"))
	for name, change := range changes {
		changed := spec("v1")
		change(&changed)
		_, err := d.Stage(t.Context(), changed)
		require.ErrorIs(t, err, release.ErrExists, name)
		require.ErrorContains(t, err, `stage "v1"`)
	}
	stage(t, d, "v1")
	requireTidy(t, d, "v1", "v2")
}

// requireTidy fails unless there are exactly these releases, and nothing
// temporary.
func requireTidy(t *testing.T, d *release.Dir, ids ...string) {
	t.Helper()
	names := func(dir string) (list []string) {
		entries, err := os.ReadDir(filepath.Join(d.Root(), dir))
		require.NoError(t, err)
		for _, e := range entries {
			list = append(list, strings.TrimSuffix(e.Name(), ".json"))
		}
		return list
	}
	require.ElementsMatch(t, ids, names("releases"))
	require.ElementsMatch(t, ids, names("records"))
	require.ElementsMatch(t, []string{".lock", "current", "records", "releases", "shared"}, names("."))
}

func TestDigestIsOfTheArtefactOnly(t *testing.T) {
	a, err := open(t, t.TempDir()).Stage(t.Context(), spec("v1"))
	require.NoError(t, err)
	s := spec("v1")
	s.ID, s.Env, s.Shared = "other", nil, nil
	b, err := open(t, t.TempDir()).Stage(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, a.Artefact, b.Artefact)
}

func TestFill(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	s := spec("v1")
	s.From = nil
	s.Fill = func(_ context.Context, dir string) error {
		require.NoDirExists(t, filepath.Join(root, "releases/v1"), "it has no final name yet")
		if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
			return err
		}
		stage(t, d, "v2") // others are not held up, and do not sweep it away
		return errors.Join(
			os.WriteFile(filepath.Join(dir, "server.js"), []byte("serve v1"), 0o644),
			os.WriteFile(filepath.Join(dir, "bin/run"), []byte("#!/bin/sh"), 0o755),
			os.Symlink("bin/run", filepath.Join(dir, "link")))
	}
	r, err := d.Stage(t.Context(), s)
	require.NoError(t, err)
	require.NoError(t, complete(r.Path, "v1"))

	// The same through a file system.
	s.From, s.Fill = os.DirFS(r.Path), nil
	s.Env, s.Secrets, s.Shared, s.ID = nil, nil, nil, "v3"
	s.EnvFile = "unused"
	r, err = d.Stage(t.Context(), s)
	require.NoError(t, err)
	require.NoError(t, complete(r.Path, "v1"))
	link, err := os.Readlink(filepath.Join(r.Path, "link"))
	require.NoError(t, err)
	require.Equal(t, "bin/run", link)
}

func TestFailedFillLeavesNothing(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	broken := errors.New("npm ci failed")
	_, err := d.Stage(t.Context(), release.Spec{ID: "v1", Fill: func(_ context.Context, dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o600), broken)
	}})
	require.ErrorIs(t, err, broken)
	var e *release.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "v1", e.Release)
	entries, err := os.ReadDir(filepath.Join(root, "releases"))
	require.NoError(t, err)
	require.Empty(t, entries)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	_, err = d.Stage(ctx, spec("v1"))
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, d.Activate(ctx, "v1"), broken)
}

func TestMissingReleases(t *testing.T) {
	d := open(t, t.TempDir())
	ctx := t.Context()
	_, err := d.Get("v1")
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, err := range []error{d.Activate(ctx, "v1"), d.Prove(ctx, "v1", ""), d.Fail(ctx, "v1", ""), d.Remove(ctx, "v1")} {
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, `"v1"`)
	}
	for _, id := range []string{"", ".", "..", "a/b", "../a", ".a", "-a", "a b", strings.Repeat("a", 129), "é", "a\n"} {
		_, err := d.Get(id)
		require.ErrorIs(t, err, release.ErrID, "%q", id)
		require.ErrorIs(t, d.Activate(ctx, id), release.ErrID)
		_, err = d.Stage(ctx, release.Spec{ID: id, From: fstest.MapFS{}})
		require.ErrorIs(t, err, release.ErrID)
	}
}

func TestForeignCurrent(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	stage(t, d, "v1", "v2")
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(root, "current")))
	_, err := d.Current()
	require.ErrorContains(t, err, "elsewhere")
	require.ErrorContains(t, d.Activate(t.Context(), "v1"), "elsewhere")
	require.NoError(t, os.Remove(filepath.Join(root, "current")))
	require.NoError(t, os.Mkdir(filepath.Join(root, "current"), 0o700))
	require.ErrorContains(t, d.Activate(t.Context(), "v1"), "current")
	require.NoError(t, os.Remove(filepath.Join(root, "current")))

	require.NoError(t, d.Activate(t.Context(), "v1"))
	require.NoError(t, os.RemoveAll(filepath.Join(root, "releases/v1")))
	_, err = d.Current()
	require.ErrorContains(t, err, "activate another one")
	require.NotErrorIs(t, err, fs.ErrNotExist, "a broken link is not the same as none")
	require.NoError(t, d.Activate(t.Context(), "v2"))
	_, err = whole(d)
	require.NoError(t, err)
}

func TestUnwritableRoot(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	_, err := open(t, filepath.Join(name, "api")).Stage(t.Context(), spec("v1"))
	require.ErrorContains(t, err, name)
	_, err = release.New("", nil)
	require.Error(t, err)
}
