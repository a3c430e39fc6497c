package artefact_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/envconfig"
)

// The same tree is the same bytes, whenever, by whom and in whatever order it
// was made.
func TestPackIsDeterministic(t *testing.T) {
	first := tree(t, 0)
	archive, digest := pack(t, first, nil)
	content, err := os.ReadFile(archive)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256(content)), digest)
	for order := range 4 {
		dir := tree(t, order)
		old := time.Now().Add(-time.Duration(order+1) * time.Hour)
		require.NoError(t, os.Chtimes(filepath.Join(dir, "app.js"), old, old))
		if os.Geteuid() == 0 {
			require.NoError(t, os.Chown(filepath.Join(dir, "app.js"), 1234, 1234))
		}
		link := filepath.Join(t.TempDir(), "current")
		require.NoError(t, os.Symlink(dir, link))
		for _, from := range []string{dir, link} {
			_, again := pack(t, from, nil)
			require.Equal(t, digest, again)
		}
	}
	require.NoError(t, os.Chmod(filepath.Join(first, "app.js"), 0o755))
	_, other := pack(t, first, nil)
	require.NotEqual(t, digest, other)
}

// A standard tar gives back the same tree.
func TestTarReadsIt(t *testing.T) {
	dir := tree(t, 0)
	archive, _ := pack(t, dir, nil)
	out := t.TempDir()
	text, err := exec.CommandContext(t.Context(), "tar", "-xpzf", archive, "-C", out).CombinedOutput()
	require.NoError(t, err, string(text))
	require.Equal(t, shape(t, dir), shape(t, out))
}

// The signature of what was there before goes.
func TestPackWithoutSignature(t *testing.T) {
	signer, _ := key("ci.example.com")
	p := &artefact.Pack{Dir: tree(t, 0), Archive: filepath.Join(t.TempDir(), "api.tar.gz"), Signer: &signer}
	_, err := p.Make(t.Context())
	require.NoError(t, err)
	require.FileExists(t, p.Archive+".sig")
	p.Signer = nil
	_, err = p.Make(t.Context())
	require.NoError(t, err)
	require.NoFileExists(t, p.Archive+".sig")
}

func TestExclude(t *testing.T) {
	dir := tree(t, 0)
	file := filepath.Join(t.TempDir(), "api.tar.gz")
	p := &artefact.Pack{Dir: dir, Archive: file, Exclude: []string{"src", "*.sh"}}
	digest, err := p.Make(t.Context())
	require.NoError(t, err)
	into := filepath.Join(t.TempDir(), "v1")
	require.NoError(t, unpack(t.Context(), artefact.Unpack{Archive: file, Digest: digest, Dir: into}))
	require.Equal(t, []string{"app.js", "dead"}, names(t, into))
}

// What Unpack would refuse is not packed, and nothing of it is left.
func TestPackRefuses(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o600))
	for name, make := range map[string]func(path string) error{
		"absolute link":   func(p string) error { return os.Symlink(outside, p) },
		"link outside":    func(p string) error { return os.Symlink("../../secret", p) },
		"link up again":   func(p string) error { return os.Symlink("sub/../../x", p) },
		"pipe":            func(p string) error { return exec.Command("mkfifo", p).Run() },
		"socket":          func(p string) error { return socket(p) },
		"name in no text": func(p string) error { return os.WriteFile(p+"\xff", nil, 0o600) },
	} {
		dir, out := filepath.Join(t.TempDir(), "build"), t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o700))
		require.NoError(t, make(filepath.Join(dir, "sub", "bad")), name)
		_, err := (&artefact.Pack{Dir: dir, Archive: filepath.Join(out, "a.tar.gz")}).Make(t.Context())
		require.ErrorIs(t, err, artefact.ErrUnsafe, name)
		require.ErrorContains(t, err, "sub/bad", name)
		require.Empty(t, names(t, out), name)
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, file + "-none"} {
		_, err := (&artefact.Pack{Dir: dir, Archive: filepath.Join(t.TempDir(), "a.tar.gz")}).Make(t.Context())
		require.ErrorContains(t, err, dir)
	}
}

// socket leaves one that nobody listens on.
func socket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

// A file that somebody writes to while it is packed is not packed as half of
// this and half of that.
func TestChangedWhilePacked(t *testing.T) {
	content := make([]byte, 1<<20)
	_, err := rand.NewChaCha8([32]byte{}).Read(content) // does not shrink
	require.NoError(t, err)
	for name, change := range map[string]func(file string) error{
		"longer":  func(file string) error { return os.WriteFile(file, append(content, 'x'), 0o600) },
		"shorter": func(file string) error { return os.Truncate(file, 1<<19) },
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "big")
		require.NoError(t, os.WriteFile(file, content, 0o600))
		var changed error
		once := sync.OnceFunc(func() { changed = change(file) })
		_, err := artefact.Archive(t.Context(), writerFunc(func(p []byte) (int, error) { once(); return len(p), nil }), dir)
		require.ErrorContains(t, err, "changes while it is packed", name)
		require.NoError(t, changed)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestPackStops(t *testing.T) {
	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	out := t.TempDir()
	_, err := (&artefact.Pack{Dir: tree(t, 0), Archive: filepath.Join(out, "a.tar.gz")}).Make(ctx)
	require.ErrorIs(t, err, cause)
	require.Empty(t, names(t, out))
}

// The whole way through two environments: build once, use by digest.
func TestPromotion(t *testing.T) {
	dir := tree(t, 0)
	signer, verifier := key("ci.example.com")
	root := t.TempDir()
	store, err := artefact.NewFolder(filepath.Join(root, "store"))
	require.NoError(t, err)
	at := func(name string) string { return filepath.Join(root, name) }
	bind := []string{"artefact"}
	report, err := run(t, envconfig.Staging(),
		deploy.Step{Name: "pack", InFlight: deploy.Repeat, Provides: bind, Do: &artefact.Pack{Dir: dir, Archive: at("ci.tar.gz"), Signer: &signer}},
		deploy.Step{Name: "push", InFlight: deploy.Repeat, Binds: bind, Do: &artefact.Push{Archive: at("ci.tar.gz"), Digest: "${artefact}", Store: store}},
		deploy.Step{Name: "pull", InFlight: deploy.Repeat, Binds: bind, Do: &artefact.Pull{Store: store, Digest: "${artefact}", Archive: at("stg.tar.gz")}},
		deploy.Step{Name: "unpack", InFlight: deploy.Repeat, Binds: bind, Do: &artefact.Unpack{Archive: at("stg.tar.gz"), Digest: "${artefact}", Dir: at("stg"), Keys: []deploy.VerifyingKey{verifier}}},
	)
	require.NoError(t, err)
	require.Equal(t, shape(t, dir), shape(t, at("stg")))
	digest := report.Steps[0].Tail[len(at("ci.tar.gz is ")):]
	digest = digest[:len(digest)-1]

	keys := []deploy.VerifyingKey{verifier}
	production := []deploy.Step{
		{Name: "pull", InFlight: deploy.Repeat, Do: &artefact.Pull{Store: store, Digest: digest, Archive: at("prod.tar.gz"), Keys: keys}},
		{Name: "unpack", InFlight: deploy.Repeat, Do: &artefact.Unpack{Archive: at("prod.tar.gz"), Digest: digest, Dir: at("prod"), Keys: keys}},
	}
	for range 2 { // doing it twice is the same
		_, err = run(t, envconfig.Development(), production...)
		require.NoError(t, err)
	}
	require.Equal(t, shape(t, at("stg")), shape(t, at("prod")))
	require.Equal(t, []string{"ci.tar.gz", "ci.tar.gz.sig", "prod", "prod.tar.gz", "prod.tar.gz.sig", "stg", "stg.tar.gz", "stg.tar.gz.sig", "store"}, names(t, root))
}

func TestSpecs(t *testing.T) {
	signer, verifier := key("ci.example.com")
	store, err := artefact.NewFolder("/srv/artefacts")
	require.NoError(t, err)
	digest := "sha256:" + fmt.Sprintf("%064d", 7)
	actions := []deploy.Previewer{
		&artefact.Pack{Dir: "/b", Archive: "/a.tar.gz", Exclude: []string{".git"}, Signer: &signer},
		&artefact.Push{Archive: "/a.tar.gz", Digest: "${artefact}", Store: store},
		&artefact.Pull{Store: store, Digest: digest, Archive: "/a.tar.gz", Keys: []deploy.VerifyingKey{verifier}},
		&artefact.Unpack{Archive: "/a.tar.gz", Digest: digest, Dir: "/v1", Keys: []deploy.VerifyingKey{verifier}},
	}
	want := [][]string{
		{`pack /b without [".git"] into /a.tar.gz`, "sign it as ci.example.com in /a.tar.gz.sig"},
		{"put /a.tar.gz (<output artefact>) into folder /srv/artefacts"},
		{"get " + digest + " from folder /srv/artefacts into /a.tar.gz", "require a signature by ci.example.com"},
		{"unpack /a.tar.gz (" + digest + ") into /v1", "require a signature by ci.example.com"},
	}
	seen := map[string]bool{}
	for i, a := range actions {
		require.Equal(t, want[i], a.Preview())
		spec, err := json.Marshal(a.Spec())
		require.NoError(t, err)
		require.NotContains(t, string(spec), fmt.Sprintf("%x", signer.Key.Seed()))
		private, err := json.Marshal(signer.Key)
		require.NoError(t, err)
		require.NotContains(t, string(spec), string(private))
		require.False(t, seen[string(spec)])
		seen[string(spec)] = true
	}
	spec, err := json.Marshal(actions[0].Spec())
	require.NoError(t, err)
	require.Contains(t, string(spec), "ci.example.com")
}

func TestValidate(t *testing.T) {
	_, err := artefact.NewFolder("artefacts")
	require.ErrorContains(t, err, "not absolute")
	for _, test := range []struct {
		action interface{ Validate() error }
		want   []string
	}{
		{&artefact.Pack{}, []string{"field Dir", "field Archive"}},
		{&artefact.Pack{Dir: "/b", Archive: "/b/a.tar.gz", Exclude: []string{"[", ""}, Signer: &deploy.SigningKey{}}, []string{"field Archive", "field Exclude[0]", "field Exclude[1]", "field Signer"}},
		{&artefact.Pack{Dir: "/", Archive: "/b/../a"}, []string{"field Dir", "field Archive"}},
		{&artefact.Push{Digest: "latest"}, []string{"field Archive", "field Digest", "field Store"}},
		{&artefact.Pull{Digest: "sha256:00", Keys: make([]deploy.VerifyingKey, 1)}, []string{"field Archive", "field Digest", "field Store", "field Keys[0]"}},
		{&artefact.Unpack{Digest: "${a b}", Dir: "v1"}, []string{"field Archive", "field Digest", "field Dir"}},
	} {
		for _, want := range test.want {
			require.ErrorContains(t, test.action.Validate(), want)
		}
	}
	require.NoError(t, (&artefact.Pack{Dir: "/b", Archive: "/b.tar.gz"}).Validate())
}
