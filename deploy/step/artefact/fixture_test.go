package artefact_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/internal/durable"
)

// tree makes a folder with one of everything. The order in which it is made
// depends on the number.
func tree(t testing.TB, order int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "build")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "src", "empty"), 0o755))
	files := []struct {
		name, content string
		mode          fs.FileMode
	}{
		{"app.js", "console.log(1)\n", 0o644},
		{"bin.sh", "#!/bin/sh\n", 0o755},
		{"src/a b é 日本.txt", "", 0o600},
		{"src/" + string(bytes.Repeat([]byte("long"), 40)) + ".txt", "long", 0o640},
	}
	for i := range files {
		f := files[(i+order)%len(files)]
		name := filepath.Join(dir, f.name)
		require.NoError(t, os.WriteFile(name, []byte(f.content), f.mode))
		require.NoError(t, os.Chmod(name, f.mode))
	}
	require.NoError(t, os.Symlink("../app.js", filepath.Join(dir, "src", "link")))
	require.NoError(t, os.Symlink("src/none", filepath.Join(dir, "dead")))
	require.NoError(t, os.Chmod(filepath.Join(dir, "src", "empty"), 0o750))
	return dir
}

// shape is what matters of a folder, one line for each entry.
func shape(t testing.TB, dir string) (lines []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		line := fmt.Sprintf("%s %s", name[len(dir):], info.Mode())
		switch {
		case e.Type().IsRegular():
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			line += fmt.Sprintf(" %q", content)
		case e.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			require.NoError(t, err)
			line += " -> " + target
		}
		if name != dir {
			lines = append(lines, line)
		}
		return nil
	}))
	return lines
}

// pack makes an archive of a folder.
func pack(t testing.TB, dir string, signer *deploy.SigningKey) (archive, digest string) {
	t.Helper()
	archive = filepath.Join(t.TempDir(), "api.tar.gz")
	digest, err := (&artefact.Pack{Dir: dir, Archive: archive, Signer: signer}).Make(t.Context())
	require.NoError(t, err)
	return archive, digest
}

func unpack(ctx context.Context, u artefact.Unpack) error {
	return artefact.UnpackOn(ctx, durable.OS{}, u)
}

// key is the same pair for each name.
func key(name string) (deploy.SigningKey, deploy.VerifyingKey) {
	seed := sha256.Sum256([]byte(name))
	private := ed25519.NewKeyFromSeed(seed[:])
	return deploy.SigningKey{Name: name, Key: private}, deploy.VerifyingKey{Name: name, Key: private.Public().(ed25519.PublicKey)}
}

// entry is one of a hand-made archive.
type entry struct {
	name string
	typ  byte
	link string
	body string
}

// made returns an archive of the entries and writes it to a file.
func made(t testing.TB, entries ...entry) (file, digest string) {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.typ, Linkname: e.link, Size: int64(len(e.body)), Mode: 0o644}
		if e.typ == tar.TypeXGlobalHeader {
			h = &tar.Header{Typeflag: e.typ, Name: e.name, PAXRecords: map[string]string{"comment": e.body}}
			e.body = ""
		}
		require.NoError(t, tw.WriteHeader(h), "%+v", e)
		_, err := tw.Write([]byte(e.body))
		require.NoError(t, err)
	}
	require.NoError(t, tw.Close())
	require.NoError(t, zw.Close())
	return stored(t, b.Bytes())
}

// stored writes an archive to a file.
func stored(t testing.TB, content []byte) (file, digest string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "made.tar.gz")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return file, sum(content)
}

// run runs steps as a plan of an environment.
func run(t testing.TB, env envconfig.Environment, steps ...deploy.Step) (*deploy.Report, error) {
	t.Helper()
	log, err := filelog.New(filepath.Join(t.TempDir(), "log"), nil)
	require.NoError(t, err)
	ex, err := localexec.New(&localexec.Options{Inherit: []string{"PATH"}})
	require.NoError(t, err)
	r, err := deploy.New(log, &deploy.Options{Executor: ex, Initiator: "ada"})
	require.NoError(t, err)
	return r.Run(t.Context(), "1", deploy.Plan{Service: "api", Env: env, Steps: steps})
}

// names are those in a folder.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
