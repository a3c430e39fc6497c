package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
)

// programVar makes the test binary the program.
const programVar = "RELEASE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVar) != "" {
		main()
		return
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // they wait most of the time
	_ = os.Setenv(programVar, "1")     // of the programs that the tests start
	os.Exit(m.Run())
}

// output takes what programs say, from many goroutines.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// TestDemo plays the day of the demo.
func TestDemo(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, self, "demo")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	raw, err := cmd.CombinedOutput()
	said := string(raw)
	require.NoError(t, err, said)
	for _, want := range []string{
		"fetch --depth=1", "flowchart", "digest sha256:", // the dry run
		"killed\n", "run r2: succeeded", "continued by ada@example.com", "approved by ben@example.com as ops",
		"run r3: undone", "index.html is empty", "run r4: undone", `the body does not contain "<h1>"`,
		`"ChangeFailRate"`, `"LeadTime"`, `"RecoveryTime"`, `"PerDay"`,
	} {
		require.Contains(t, said, want)
	}
	for _, secret := range []string{"correct-horse", "battery-staple"} {
		require.NotContains(t, said, secret)
	}
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// newDay is a day whose site is served and whose programs may be killed.
func newDay(t *testing.T) *day {
	t.Helper()
	out := &output{}
	d := &day{team: &team{out: out}, dir: t.TempDir()}
	require.NoError(t, d.commit(t.Context()))
	require.NoError(t, d.open(t.Context()))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the programs said:\n%s", out)
		}
	})
	return d
}

// flakily calls run until it ends by itself, and kills it at so many random
// instants before. Ben approves whenever he is asked.
func (d *day) flakily(t *testing.T, random *rand.Rand, kills int, id string, commit int) (code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for try := 0; ; try++ {
		cmd, err := d.command(ctx, "run", d.which(id, commit)...)
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		var kill <-chan time.Time
		if try < kills {
			kill = time.After(time.Duration(random.Int64N(int64(1200 * time.Millisecond))))
		}
		for ended := false; !ended; {
			select {
			case <-kill:
				if err := cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
					require.NoError(t, err)
				}
				kill = nil
			case <-done:
				ended = true
			case <-time.After(50 * time.Millisecond):
				d.visit(t)
				require.NoError(t, d.approve(ctx))
			}
		}
		if cmd.ProcessState.Exited() {
			return cmd.ProcessState.ExitCode()
		}
	}
}

// visit asks for the page: what answers is one release, whole.
func (d *day) visit(t *testing.T) {
	t.Helper()
	resp, err := http.Get("http://" + d.addr + "/")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	live := resp.Header.Get(releaseHeader)
	if live == d.commits[3][:12] && resp.StatusCode == http.StatusNotFound {
		return // it was taken back while the handler was about to open it
	}
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", body)
	if live != "" {
		want := map[string]string{d.commits[0][:12]: "<h1>one</h1>\n", d.commits[1][:12]: "<h1>two</h1>\n", d.commits[3][:12]: "<p>four</p>\n"}
		require.Equal(t, want[live], string(body))
	}
}

// report is what the verb says of a run.
func (d *day) report(t *testing.T, id string) (rep struct {
	Outcome   deploy.Outcome
	Approvals []struct{ ID string }
},
) {
	t.Helper()
	cmd, err := d.command(t.Context(), "report", "-id", id)
	require.NoError(t, err)
	cmd.Stdout = nil
	raw, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &rep), "%s", raw)
	return rep
}

// TestKilledAtRandomInstants releases two good commits and one that is taken
// back, by a program that is killed again and again.
func TestKilledAtRandomInstants(t *testing.T) {
	t.Parallel()
	seed, kills := rand.Uint64(), 3
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		kills = 40
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	d := newDay(t)
	require.Zero(t, d.flakily(t, random, kills, "r1", 0))
	require.NoError(t, d.serves(t.Context(), 0))
	require.Zero(t, d.flakily(t, random, kills, "r2", 1))
	require.NoError(t, d.serves(t.Context(), 1))
	require.Equal(t, 1, d.flakily(t, random, kills, "r4", 3))
	require.NoError(t, d.serves(t.Context(), 1))

	for id, want := range map[string]deploy.Outcome{"r1": deploy.Succeeded, "r2": deploy.Succeeded, "r4": deploy.Undone} {
		rep := d.report(t, id)
		require.Equal(t, want, rep.Outcome, id)
		require.Len(t, rep.Approvals, 1, id)
	}
	d.tidy(t, 0, 1)
	live, err := d.releases.LastProven("")
	require.NoError(t, err)
	require.Equal(t, d.commits[1][:12], live.ID)
}

// tidy wants the sources and releases of these commits, and nothing else.
func (d *day) tidy(t *testing.T, commits ...int) {
	t.Helper()
	var want []string
	for _, n := range commits {
		want = append(want, d.commits[n][:12])
	}
	for _, folder := range []string{"source", filepath.Join("site", "releases")} {
		entries, err := os.ReadDir(filepath.Join(d.root, folder))
		require.NoError(t, err)
		var found []string
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") || folder == "source" {
				found = append(found, e.Name())
			}
		}
		require.ElementsMatch(t, want, found, folder)
	}
}

// TestUndo takes a run back that waits for approval when its program is killed.
func TestUndo(t *testing.T) {
	t.Parallel()
	d := newDay(t)
	require.Zero(t, d.flakily(t, nil, 0, "r1", 0))
	for _, path := range []string{"/.git/config", "/.git/", "/..%2f..%2fdesk.key"} {
		resp, err := http.Get("http://" + d.addr + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNotFound, resp.StatusCode, "%s is not of the site", path)
	}
	cmd, err := d.command(t.Context(), "run", d.which("r2", 1)...)
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return d.asked(t, "r2") }, time.Minute, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.NoError(t, d.call(t.Context(), 0, "undo", d.which("r2", 1)...))
	require.NoError(t, d.serves(t.Context(), 0))
	require.Equal(t, deploy.Undone, d.report(t, "r2").Outcome)
	d.tidy(t, 0)
}

// TestRefused has the commit that serves released again and refused: it stays
// what is gone back to from a bad one.
func TestRefused(t *testing.T) {
	t.Parallel()
	d := newDay(t)
	require.Zero(t, d.flakily(t, nil, 0, "r1", 0))
	done := make(chan error, 1)
	go func() { done <- d.call(t.Context(), 1, "run", d.which("r2", 0)...) }()
	require.Eventually(t, func() bool { return d.asked(t, "r2") }, time.Minute, 20*time.Millisecond)
	for s, err := range d.desk.Requests(t.Context(), deploy.Ref{Service: service, Environment: environment.Name}) {
		require.NoError(t, err)
		if s.Open {
			_, err := d.desk.Vote(t.Context(), s.Request, approval.Ballot{By: approval.Identity{ID: "ben@example.com", Roles: []string{"ops"}}, Verdict: approval.Refuse})
			require.NoError(t, err)
		}
	}
	require.NoError(t, <-done)
	live, err := d.releases.LastProven()
	require.NoError(t, err)
	require.Equal(t, d.commits[0][:12], live.ID)
	require.Equal(t, 1, d.flakily(t, nil, 0, "r4", 3))
	require.NoError(t, d.serves(t.Context(), 0))
}

// asked tells whether the run waits for approval.
func (d *day) asked(t *testing.T, id deploy.RunID) bool {
	t.Helper()
	for s, err := range d.desk.Requests(t.Context(), deploy.Ref{Service: service, Environment: environment.Name}) {
		require.NoError(t, err)
		if s.Open && s.Request.Run == id {
			return true
		}
	}
	return false
}

// TestOneDeskKey has the key made by many calls at a time: all get the same, and
// nobody sees half of it.
func TestOneDeskKey(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "state", "desk.key")
	var keys [16]ed25519.PrivateKey
	var errs [len(keys)]error
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() { keys[i], errs[i] = deskKey(name) })
	}
	all.Wait()
	for i := range keys {
		require.NoError(t, errs[i])
		require.True(t, keys[0].Equal(keys[i]))
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}
