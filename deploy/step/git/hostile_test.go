package git_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/step/git"
)

// recorder keeps what others on the host could see of each command.
type recorder struct {
	deploy.Executor
	mu   sync.Mutex
	seen []string
	envs []map[string]string
}

func (r *recorder) Run(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
	r.mu.Lock()
	r.seen = append(r.seen, strings.Join(cmd.Argv, " "))
	r.envs = append(r.envs, cmd.Env)
	r.mu.Unlock()
	return r.Executor.Run(ctx, cmd)
}

// The token is in no argument, plan, report, error or file, not even where the
// server repeats it.
func TestToken(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	commit := w.commit("one")
	server := serve(t, root)
	const token = "tok-canary-0123456789"
	server.set(func() { server.token = token })
	forms := []string{token, base64.StdEncoding.EncodeToString([]byte("deployer:" + token))}
	parent := t.TempDir()
	dir := filepath.Join(parent, "api")
	k := &git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: dir}
	state := filepath.Join(t.TempDir(), "log")
	clean := func(what, text string) {
		t.Helper()
		for _, f := range forms {
			require.NotContains(t, text, f, what)
		}
	}

	_, err := run(t, local(t), "1", step(k))
	require.ErrorContains(t, err, "403")

	k.Repository.Credential = &git.Credential{User: "deployer", Name: "git-token", Source: static("git-token", token)}
	rec := &recorder{Executor: local(t)}
	report, err := runIn(t.Context(), state, rec, "2", step(k))
	require.NoError(t, err)
	text, err := json.Marshal(report)
	require.NoError(t, err)
	clean("report", string(text))
	clean("arguments", strings.Join(rec.seen, "\n"))
	spec, err := json.Marshal(k.Spec())
	require.NoError(t, err)
	clean("spec", string(spec))
	require.Contains(t, string(spec), "git-token")
	clean("preview", strings.Join(k.Preview(), "\n"))
	for _, tree := range []string{parent, state} {
		require.NoError(t, filepath.WalkDir(tree, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				clean(path, read(t, path))
			}
			return err
		}))
	}

	// Refused, and the server says what it was given.
	k.Repository.Credential.User = "other"
	forms = append(forms, base64.StdEncoding.EncodeToString([]byte("other:"+token)))
	report, err = runIn(t.Context(), state, local(t), "3", step(k))
	require.ErrorContains(t, err, "403")
	clean("error", err.Error())
	text, err = json.Marshal(report)
	require.NoError(t, err)
	clean("report", string(text))

	k.Repository.Credential.Name = "no-such"
	_, err = run(t, local(t), "4", step(k))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A server that sends clients elsewhere is not followed, and nobody there sees
// the token.
func TestRedirect(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	commit := w.commit("one")
	evil, server := serve(t, root), serve(t, root)
	server.set(func() { server.redirect = evil.URL })
	k := &git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: filepath.Join(t.TempDir(), "api")}
	k.Repository.Credential = &git.Credential{Name: "git-token", Source: static("git-token", "tok-0123456789")}
	_, err := run(t, local(t), "1", step(k))
	require.Error(t, err)
	require.Empty(t, evil.seen())
}

// What the host's user has configured runs nothing and leads nowhere else.
func TestUsersConfiguration(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, ".gitattributes"), []byte("*.txt filter=evil\n"), 0o600))
	commit := w.commit("one\n")
	server := serve(t, root)
	home := t.TempDir()
	ran := filepath.Join(home, "ran")
	for _, hook := range []string{"hooks/post-checkout", "template/hooks/post-checkout", "hooks/reference-transaction"} {
		path := filepath.Join(home, hook)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho hook >> "+ran+"\n"), 0o700))
	}
	config := "[core]\n\thooksPath = " + home + "/hooks\n" +
		"[init]\n\ttemplateDir = " + home + "/template\n" +
		"[url \"https://127.0.0.1:1/\"]\n\tinsteadOf = https://\n" +
		"[filter \"evil\"]\n\tsmudge = touch " + ran + "; cat\n" +
		"[credential]\n\thelper = \"!touch " + ran + "; false\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(home, ".config/git"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".config/git/config"), []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".config/git/attributes"), []byte("app.txt text eol=crlf\n"), 0o600))
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	ex, err := localexec.New(&localexec.Options{Inherit: []string{"PATH", "HOME", "XDG_CONFIG_HOME"}})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "api")
	_, err = run(t, ex, "1", step(&git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: dir}))
	require.NoError(t, err)
	require.Equal(t, "one\n", read(t, filepath.Join(dir, "app.txt")))
	server.set(func() { server.token = "tok-0123456789" })
	_, err = run(t, ex, "2", step(&git.Checkout{Repository: server.repo("api"), Commit: commit, Dir: dir}))
	require.Error(t, err)
	require.NoFileExists(t, ran)
}

// A repository names the addresses of its submodules.
func TestHostileSubmodules(t *testing.T) {
	root := t.TempDir()
	victim := newWork(t, root, "victim")
	victim.commit("secret")
	ran := filepath.Join(t.TempDir(), "ran")
	const denied = "not allowed"
	for name, test := range map[string]struct{ url, update, want string }{
		"ext":     {"ext::sh -c touch% " + ran, "", denied},
		"file":    {victim.bare, "", denied},
		"http":    {"http://127.0.0.1:1/a.git", "", denied},
		"option":  {"--upload-pack=touch " + ran, "", "command-line option"},
		"command": {"https://127.0.0.1:1/a.git", "!touch " + ran, "submodule.sub.update"},
	} {
		w := newWork(t, root, "w-"+name)
		w.git("clone", "-q", victim.bare, "sub")
		w.git("config", "-f", ".gitmodules", "submodule.sub.path", "sub")
		w.git("config", "-f", ".gitmodules", "submodule.sub.url", test.url)
		if test.update != "" {
			w.git("config", "-f", ".gitmodules", "submodule.sub.update", test.update)
		}
		commit := w.commit("one")
		server := serve(t, root)
		dir := filepath.Join(t.TempDir(), "api")
		k := &git.Checkout{Repository: server.repo(filepath.Base(w.dir)), Commit: commit, Dir: dir, Submodules: true}
		_, err := run(t, local(t), "1", step(k))
		require.ErrorContains(t, err, test.want, name)
		requireAlone(t, dir)
		require.NoFileExists(t, ran, name)
	}
}

func TestEveryCommandIsGuarded(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	commit := w.commit("one")
	rec := &recorder{Executor: local(t)}
	_, err := run(t, rec, "1", step(&git.Checkout{Repository: serve(t, root).repo("api"), Commit: commit, Dir: filepath.Join(t.TempDir(), "api"), Submodules: true}))
	require.NoError(t, err)
	require.NotEmpty(t, rec.envs)
	for i, env := range rec.envs {
		for name, want := range map[string]string{
			"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
			"GIT_ALLOW_PROTOCOL": "https:ssh", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30", "LC_ALL": "C",
		} {
			require.Equal(t, want, env[name], rec.seen[i])
		}
		require.Equal(t, "api@stg/1", env[deploy.MarkerVar], rec.seen[i])
		if strings.HasPrefix(rec.seen[i], "git ") {
			require.Contains(t, rec.seen[i], " http.lowSpeedLimit=1 -c http.lowSpeedTime=120 ", "a server that hangs is left")
		}
	}
}

func TestValidate(t *testing.T) {
	hash := strings.Repeat("a", 40)
	good := git.Checkout{Repository: git.Repository{URL: "https://git.example.com/a.git"}, Commit: hash, Dir: "/srv/a"}
	require.NoError(t, good.Validate())
	for _, url := range []string{
		"ssh://git@git.example.com/a.git", "git@git.example.com:a/b.git", "git.example.com:a.git", "ssh://git.example.com:2222/~/a.git",
	} {
		k := good
		k.Repository.URL = url
		require.NoError(t, k.Validate(), url)
	}
	for url, want := range map[string]string{
		"":                                    "is empty",
		"--upload-pack=x":                     "begins with",
		"ext::sh -c id":                       "space",
		"ext::id":                             "remote helper",
		"fd::7":                               "remote helper",
		"https://u:hunter2@git.example.com":   "password",
		"https://hunter2@git.example.com/a":   "holds a user",
		"https://git.example.com/a?t=hunter2": "query",
		"ssh://u:hunter2@git.example.com/a":   "password",
		"ssh://-oProxyCommand=x/a":            "begins with",
		"ssh://-u@git.example.com/a":          "begins with",
		"-x:a":                                "begins with",
		"git.example.com:-a":                  "neither",
		"ftp://git.example.com/a":             "scheme",
		"https:///a":                          "no host",
		"http://git.example.com/a":            "Allow",
		"git://git.example.com/a":             "Allow",
		"file:///a":                           "Allow",
		"/a":                                  "Allow",
		"a/b":                                 "neither",
		"https://git.example.com/\na":         "control",
	} {
		k := good
		k.Repository.URL = url
		err := k.Validate()
		require.ErrorContains(t, err, "field Repository.URL", url)
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
	for want, change := range map[string]func(k *git.Checkout){
		"field Commit":                            func(k *git.Checkout) { k.Commit = "main" },
		"field Commit: \"AAA":                     func(k *git.Checkout) { k.Commit = strings.ToUpper(hash) },
		"field Dir":                               func(k *git.Checkout) { k.Dir = "srv/a" },
		"field Dir: \"/srv/../a\"":                func(k *git.Checkout) { k.Dir = "/srv/../a" },
		"field Dir: \"/\"":                        func(k *git.Checkout) { k.Dir = "/" },
		"field Dir: \"/a:b\"":                     func(k *git.Checkout) { k.Dir = "/a:b" },
		"field Tag: \"-x\"":                       func(k *git.Checkout) { k.Tag = "-x" },
		"field Tag: \"a..b\"":                     func(k *git.Checkout) { k.Tag = "a..b" },
		"field Signers":                           func(k *git.Checkout) { k.Signers = " \n" },
		"field Repository.Allow[0]: \"ext\"":      func(k *git.Checkout) { k.Repository.Allow = []string{"ext"} },
		"field Repository.CAFile":                 func(k *git.Checkout) { k.Repository.CAFile = "ca.pem" },
		"field Repository.Credential: Name":       func(k *git.Checkout) { k.Repository.Credential = &git.Credential{} },
		"field Repository.Credential.User":        func(k *git.Checkout) { k.Repository.Credential = &git.Credential{User: "a:b"} },
		"field Repository.Credential is for http": func(k *git.Checkout) { k.Repository.URL = "a:b"; k.Repository.Credential = &git.Credential{} },
	} {
		k := good
		change(&k)
		require.ErrorContains(t, k.Validate(), want)
	}
	var all git.Checkout
	for _, field := range []string{"Commit", "Dir", "URL"} {
		require.ErrorContains(t, all.Validate(), field)
	}
	require.ErrorContains(t, (&git.Remove{Dir: "x"}).Validate(), "field Dir")
	require.ErrorContains(t, (&git.Resolve{Ref: "a b"}).Validate(), "field Ref")
	require.ErrorContains(t, (&git.Resolve{Committed: "commit"}).Validate(), "field Committed")
}
