package git_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/step/git"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// gitEnv is the environment in which tests make repositories.
func gitEnv() []string {
	return append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=2026-11-20T10:00:00Z",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "GIT_COMMITTER_DATE=2026-11-21T12:30:00+02:00")
}

// gitIn runs git as a developer would and returns what it prints.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir, cmd.Env = dir, gitEnv()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// work is a developer's repository and the bare one that it is pushed to.
type work struct {
	t         *testing.T
	dir, bare string
}

func newWork(t *testing.T, root, name string) *work {
	t.Helper()
	w := &work{t, filepath.Join(t.TempDir(), name), filepath.Join(root, name+".git")}
	gitIn(t, "/", "init", "-q", "-b", "main", w.dir)
	gitIn(t, "/", "init", "-q", "--bare", "-b", "main", w.bare)
	return w
}

func (w *work) git(args ...string) string { w.t.Helper(); return gitIn(w.t, w.dir, args...) }

// commit writes a file, commits and pushes everything.
func (w *work) commit(content string, flags ...string) string {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "app.txt"), []byte(content), 0o644))
	w.git("add", "-A")
	w.git(append([]string{"commit", "-q", "-m", content}, flags...)...)
	w.push()
	return w.git("rev-parse", "HEAD")
}

func (w *work) push() {
	w.t.Helper()
	w.git("push", "-q", "--force", "--all", w.bare)
	w.git("push", "-q", "--force", "--tags", w.bare)
}

// web serves bare repositories over https as git's own server does.
type web struct {
	*httptest.Server
	CA string

	mu       sync.Mutex
	requests []string
	// old leaves out what clients of protocol 2 send.
	old bool
	// token, if set, is what a request must come with; a refusal repeats
	// what it came with.
	token string
	// redirect, if set, is where every request is sent.
	redirect string
}

func serve(t *testing.T, root string) *web {
	t.Helper()
	core, err := exec.Command("git", "--exec-path").Output()
	require.NoError(t, err)
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(core)), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
			"GIT_CONFIG_KEY_1=uploadpack.allowFilter", "GIT_CONFIG_VALUE_1=true",
		},
		InheritEnv: []string{"PATH"}, Stderr: io.Discard,
	}
	w := &web{}
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests = append(w.requests, r.Method+" "+r.URL.RequestURI())
		old, token, redirect := w.old, w.token, w.redirect
		w.mu.Unlock()
		user, got, ok := r.BasicAuth()
		switch {
		case redirect != "":
			http.Redirect(rw, r, redirect+r.URL.RequestURI(), http.StatusFound)
			return
		case token != "" && (!ok || got != token || user != "deployer"):
			rw.Header().Set("Content-Type", "text/plain")
			rw.Header().Set("WWW-Authenticate", "Basic realm=git")
			rw.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(rw, "bad token %s and header %s\n", got, r.Header.Get("Authorization"))
			return
		}
		if old {
			r.Header.Del("Git-Protocol")
		}
		r.Header.Del("Authorization")
		backend.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	w.CA = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate().Raw})
	require.NoError(t, os.WriteFile(w.CA, text, 0o600))
	return w
}

func (w *web) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// seen returns the requests since the last call.
func (w *web) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.requests
	w.requests = nil
	return seen
}

func (w *web) repo(name string) git.Repository {
	return git.Repository{URL: w.URL + "/" + name + ".git", CAFile: w.CA}
}

// local returns an executor of this machine.
func local(t testing.TB) deploy.Executor {
	t.Helper()
	ex, err := localexec.New(&localexec.Options{Inherit: []string{"PATH", "HOME"}})
	require.NoError(t, err)
	return ex
}

// run runs steps as a plan of its own.
func run(t *testing.T, ex deploy.Executor, id deploy.RunID, steps ...deploy.Step) (*deploy.Report, error) {
	t.Helper()
	return runIn(t.Context(), filepath.Join(t.TempDir(), "log"), ex, id, steps...)
}

func runIn(ctx context.Context, state string, ex deploy.Executor, id deploy.RunID, steps ...deploy.Step) (*deploy.Report, error) {
	log, err := filelog.New(state, nil)
	if err != nil {
		return nil, err
	}
	r, err := deploy.New(log, &deploy.Options{Executor: ex, Initiator: "ada"})
	if err != nil {
		return nil, err
	}
	return r.Run(ctx, id, deploy.Plan{Service: "api", Env: envconfig.Staging(), Steps: steps})
}

// step is the checkout with its undo.
func step(k *git.Checkout) deploy.Step {
	return deploy.Step{
		Name: "checkout", Kind: deploy.KindBuild, InFlight: deploy.Repeat, Binds: nil,
		Do: k, Undo: &git.Remove{Dir: k.Dir},
	}
}

// failing is a step that turns the run back.
func failing() deploy.Step {
	return deploy.Step{Name: "fail", InFlight: deploy.Repeat, Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"false"}}}}
}

func static(name, value string) secrets.Source {
	return secrets.SourceFunc(func(_ context.Context, asked string) (secrets.Value, error) {
		if asked != name {
			return secrets.Value{}, os.ErrNotExist
		}
		return secrets.New(value), nil
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// requireAlone checks that a checkout has left nothing beside it.
func requireAlone(t *testing.T, dir string, want ...string) {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, want, names)
}
