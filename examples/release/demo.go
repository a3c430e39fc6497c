package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
)

// demo plays a day of the team on a repository and a folder of its own: two good
// releases, of which one is killed in the middle, two bad ones, and the history.
// Each run is a process of its own, as when a person types it.
func demo(ctx context.Context, t *team) error {
	dir, err := os.MkdirTemp("", "release-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &day{team: t, dir: dir}
	for _, act := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"a repository with four commits, the last two bad", d.commit},
		{"serve the site and the page for approvals", d.open},
		{"look before releasing the first commit: a dry run", func(ctx context.Context) error { return d.call(ctx, 0, "plan", "-commit", d.commits[0]) }},
		{"release it: ada starts the run, ben approves on the page", func(ctx context.Context) error { return d.release(ctx, "r1", 0, 0) }},
		{"release the second, and kill the program while it watches", func(ctx context.Context) error { return d.killed(ctx, "r2", 1) }},
		{"the same command continues the run", func(ctx context.Context) error { return d.release(ctx, "r2", 1, 0) }},
		{"the third has an empty page: refused before anybody sees it", func(ctx context.Context) error { return d.release(ctx, "r3", 2, 1) }},
		{"the fourth has no headline: seen once it serves, and taken back", func(ctx context.Context) error { return d.release(ctx, "r4", 3, 1) }},
		{"what happened", func(ctx context.Context) error { return d.call(ctx, 0, "history") }},
	} {
		fmt.Fprintf(t.out, "\n== %s\n", act.title)
		if err := act.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", act.title, err)
		}
	}
	return d.serves(ctx, 1)
}

// day is a demo at work.
type day struct {
	*team
	dir     string
	commits []string
	times   []string
}

func (d *day) commit(ctx context.Context) error {
	d.repo = filepath.Join(d.dir, "site.git")
	for _, text := range []string{"<h1>one</h1>\n", "<h1>two</h1>\n", "", "<p>four</p>\n"} {
		if err := os.MkdirAll(d.repo, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(d.repo, "index.html"), []byte(text), 0o644); err != nil {
			return err
		}
		script := "git init -q -b main . && git add . && git -c user.name=ada -c user.email=ada@example.com commit -q -m change && git log -1 --format='%H %cI'"
		cmd := exec.CommandContext(ctx, "sh", "-c", script)
		cmd.Dir = d.repo
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("git: %w: %s", err, out)
		}
		lines := strings.Fields(string(out))
		d.commits, d.times = append(d.commits, lines[len(lines)-2]), append(d.times, lines[len(lines)-1])
	}
	return nil
}

// open serves the site from this process, on a free port.
func (d *day) open(ctx context.Context) error {
	d.root, d.people = filepath.Join(d.dir, "state"), filepath.Join(d.dir, "people")
	if err := os.WriteFile(d.people, []byte("ben@example.com ops correct-horse\nada@example.com ops battery-staple\n"), 0o600); err != nil {
		return err
	}
	if err := d.team.open(); err != nil {
		return err
	}
	handler, err := d.handler()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.addr = listener.Addr().String()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return nil
}

// command is this program again.
func (d *day) command(ctx context.Context, verb string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	all := append([]string{verb, "-root", d.root, "-repo", d.repo, "-addr", d.addr, "-user", "ada@example.com"}, args...)
	cmd := exec.CommandContext(ctx, self, all...)
	cmd.Stdout, cmd.Stderr = d.out, d.out
	return cmd, nil
}

// call calls a verb and expects its exit code.
func (d *day) call(ctx context.Context, code int, verb string, args ...string) error {
	cmd, err := d.command(ctx, verb, args...)
	if err != nil {
		return err
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("%s ended with %d, want %d", verb, got, code)
	}
	return nil
}

// release runs a release; ben approves when he is asked.
func (d *day) release(ctx context.Context, id string, commit, code int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of the run, where nobody can approve it
	done := make(chan error, 1)
	go func() { done <- d.call(ctx, code, "run", d.which(id, commit)...) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(100 * time.Millisecond):
			if err := d.approve(ctx); err != nil {
				return err
			}
		}
	}
}

// which are the flags of a run.
func (d *day) which(id string, commit int) []string {
	return []string{"-id", id, "-commit", d.commits[commit], "-committed", d.times[commit]}
}

// killed runs a release and ends the program with SIGKILL once the new page is
// served.
func (d *day) killed(ctx context.Context, id string, commit int) error {
	cmd, err := d.command(ctx, "run", d.which(id, commit)...)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Process.Kill() //nolint:errcheck // it has ended, unless something failed before
	for d.serves(ctx, commit) != nil {
		if err := d.approve(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait()
	fmt.Fprintln(d.out, "killed")
	return nil
}

// approve answers whatever is asked on the API of the page, as ben.
func (d *day) approve(ctx context.Context) error {
	for s, err := range d.desk.Requests(ctx, deploy.Ref{Service: service, Environment: environment.Name}) {
		if err != nil {
			return err
		}
		if !s.Open || len(s.Votes) > 0 {
			continue
		}
		url := fmt.Sprintf("http://%s/approvals/api/requests/%s/%s/%s", d.addr, environment.Name, service, strings.TrimPrefix(s.Digest, "sha256:"))
		if _, err := d.ask(ctx, http.MethodPost, url, `{"verdict": "approve", "comment": "looks good"}`); err != nil {
			return err
		}
	}
	return nil
}

func (d *day) ask(ctx context.Context, method, url, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth("ben@example.com", "correct-horse")
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s: %s", url, answer.Status, text)
	}
	return answer, err
}

// serves tells whether the site is the one of a commit.
func (d *day) serves(ctx context.Context, commit int) error {
	answer, err := d.ask(ctx, http.MethodGet, "http://"+d.addr+"/", "")
	if err != nil {
		return err
	}
	if got := answer.Header.Get(releaseHeader); got != d.commits[commit][:12] {
		return fmt.Errorf("the site serves %s, not commit %s", got, d.commits[commit])
	}
	return nil
}
