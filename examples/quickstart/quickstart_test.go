package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
)

// outsider is a load generator that knows nothing of the quickstart: it sends
// each request once and writes down what came back.
type outsider struct {
	addr string
	stop chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex
	counts map[string]tally // by release
	lost   []string         // requests without an answer
	closed int              // kept connections that an answer ended
}

// newOutsider starts workers: GET and POST, over kept connections and new ones.
func newOutsider(addr string) *outsider {
	o := &outsider{addr: addr, stop: make(chan struct{}), counts: map[string]tally{}}
	for worker := range 8 {
		o.wg.Go(func() { o.work(worker%2 == 0, worker%4 < 2) })
	}
	return o
}

func (o *outsider) end() {
	close(o.stop)
	o.wg.Wait()
}

func (o *outsider) work(post, keep bool) {
	var conn *connection
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-o.stop:
			conn.close()
			return
		case <-tick.C:
		}
		if conn == nil {
			raw, err := net.Dial("tcp", o.addr)
			if err != nil {
				o.lose(err)
				continue
			}
			conn = &connection{raw, bufio.NewReader(raw)}
		}
		if again := o.ask(conn, post, keep); !again {
			conn.close()
			conn = nil
		}
	}
}

// connection is a bare one: net/http's client ends connections for reasons of
// its own when the machine is busy, which would look like a loss.
type connection struct {
	net.Conn
	answers *bufio.Reader
}

func (c *connection) close() {
	if c != nil {
		_ = c.Conn.Close()
	}
}

// ask sends one request and tells whether the connection may be used again.
func (o *outsider) ask(conn *connection, post, keep bool) (again bool) {
	method, body := http.MethodGet, io.Reader(nil)
	if post {
		method, body = http.MethodPost, strings.NewReader("some order")
	}
	req, err := http.NewRequest(method, "http://"+o.addr+"/outside", body)
	if err != nil {
		o.lose(err)
		return false
	}
	req.Close = !keep
	lost := func(err error) bool {
		o.lose(fmt.Errorf("%s, kept %t: %w", method, keep, err))
		return false
	}
	if err := req.Write(conn); err != nil {
		return lost(err)
	}
	resp, err := http.ReadResponse(conn.answers, req)
	if err != nil {
		return lost(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return lost(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.counts[resp.Header.Get("X-Release")]
	t.Requests++
	if resp.StatusCode != http.StatusOK {
		t.Failed++
	}
	o.counts[resp.Header.Get("X-Release")] = t
	if keep && resp.Close {
		o.closed++
	}
	return keep && !resp.Close
}

func (o *outsider) lose(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost = append(o.lost, err.Error())
}

func (o *outsider) snapshot() map[string]tally {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.counts)
}

// program is a quickstart as its own process.
type program struct {
	cmd *exec.Cmd
	dir string

	mu    sync.Mutex
	lines []string
	fresh chan struct{}
	done  chan struct{}
}

// binary builds the quickstart once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "quickstart-test-")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "quickstart")
	out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if name, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(name))
	}
	os.Exit(code)
}

func launch(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	name, err := binary()
	require.NoError(t, err)
	p := &program{dir: dir, fresh: make(chan struct{}, 1), done: make(chan struct{})}
	p.cmd = exec.Command(name, append([]string{"-dir", dir}, args...)...)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = p.cmd.Stdout
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
			select {
			case p.fresh <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("quickstart said:\n%s", p.said())
		}
	})
	return p
}

func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await waits for a line that matches and returns its groups.
func (p *program) await(t *testing.T, expr string) []string {
	t.Helper()
	re := regexp.MustCompile("(?m)" + expr)
	deadline := time.After(3 * time.Minute)
	for {
		if m := re.FindStringSubmatch(p.said()); m != nil {
			return m
		}
		select {
		case <-p.fresh:
		case <-p.done:
			m := re.FindStringSubmatch(p.said())
			require.NotNil(t, m, "the quickstart ended without saying %q", expr)
			return m
		case <-deadline:
			require.FailNow(t, "the quickstart did not say it in time", expr)
		}
	}
}

func (p *program) wait() error {
	<-p.done
	return p.cmd.Wait()
}

// sweepAfter ends what the programs of a state folder left, whatever happens.
func sweepAfter(t *testing.T, dir string) {
	t.Helper()
	t.Cleanup(func() {
		left := marked(t, dir)
		require.NoError(t, localexec.End(context.Background(), left, time.Second))
	})
}

func marked(t *testing.T, dir string) []localexec.Process {
	t.Helper()
	left, err := localexec.Marked(markerOf(dir))
	require.NoError(t, err)
	return left
}

func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	sweepAfter(t, dir)
	return dir
}

func readReport(t *testing.T, path string) (rep fullReport, byVersion map[string]releaseReport) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &rep))
	byVersion = map[string]releaseReport{}
	for _, r := range rep.Releases {
		byVersion[r.Version] = r
	}
	return rep, byVersion
}

// TestSevenReleasesUnderAnOutsideLoad is the quickstart as a user runs it,
// with somebody else's load generator on its address.
func TestSevenReleasesUnderAnOutsideLoad(t *testing.T) {
	dir := stateDir(t)
	report := filepath.Join(t.TempDir(), "report.json")
	p := launch(t, dir, "-hold", "-report", report)
	addr := p.await(t, `^public address: http://([^/]+)/`)[1]
	p.await(t, `^v1 is released`)
	out := newOutsider(addr)
	p.await(t, `^v7 keeps serving`)
	require.Eventually(t, func() bool {
		total := 0
		for _, c := range out.snapshot() {
			total += c.Requests
		}
		return total >= 20_000
	}, 2*time.Minute, 50*time.Millisecond)
	out.end()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.wait(), p.said())

	rep, byVersion := readReport(t, report)
	require.Empty(t, out.lost, "requests without an answer")
	t.Logf("%d kept connections ended by an answer", out.closed)
	var outcomes []string
	for _, r := range rep.Releases {
		outcomes = append(outcomes, r.Version+" "+r.Outcome)
		theirs := out.counts[r.Version]
		require.EqualValues(t, r.Requests, theirs.Requests+r.Own.Requests, "requests of %s", r.Version)
		require.EqualValues(t, r.Failed, theirs.Failed+r.Own.Failed, "failed requests of %s", r.Version)
		if r.Version != "v6" {
			require.Zero(t, r.Failed+r.FailedProbes, r.Version)
		}
	}
	require.Equal(t, []string{
		"v1 released", "v2 released", "v3 refused", "v4 refused", "v5 refused", "v6 undone", "v7 released",
	}, outcomes)
	require.Zero(t, out.counts[""].Requests, "every answer names its release")
	require.Zero(t, rep.NoRelease)
	v6 := byVersion["v6"]
	require.GreaterOrEqual(t, v6.Requests, uint64(20))
	require.NotZero(t, v6.Failed)
	t.Logf("v6 gave its last answer %s after its first error; the probe interval is %s", v6.LastAnswer.Sub(v6.FirstError), probeInterval)
	require.Empty(t, marked(t, dir), "something was left behind")
}

// TestKilledAndRunAgain kills the quickstart with SIGKILL at moments that the
// printed seed chooses, with a client that stays, and runs it again.
func TestKilledAndRunAgain(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DEVOPS_TEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("DEVOPS_TEST_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	releases := scripts(t, map[string]string{"v1": "good", "v2": "good", "v3": "dead", "v4": "good"})
	dir := stateDir(t)
	report := filepath.Join(t.TempDir(), "report.json")
	args := []string{"-releases", releases, "-report", report, "-hold"}
	p := launch(t, dir, args...)
	addr := p.await(t, `^public address: http://([^/]+)/`)[1]
	p.await(t, `^v1 is released`)
	out := newOutsider(addr)

	kills := 4
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		kills = 40
	}
	killedAtTheEnd := false // while it held, or ended what it had started
	for range kills {
		timer := time.NewTimer(time.Duration(rng.IntN(4000)) * time.Millisecond)
		select {
		case <-timer.C:
		case <-p.done:
		}
		timer.Stop()
		_ = p.cmd.Process.Kill()
		_ = p.wait()
		if _, unfinished, err := loadSession(dir); err == nil && !unfinished {
			killedAtTheEnd = true
			break
		}
		old := marked(t, dir)
		p = launch(t, dir, args...)
		p.await(t, `^release v|keeps serving`)
		may := []string{markerOf(dir) + "/switchover", servingMarker(t, dir)}
		if strings.Contains(p.said(), "its release goes on where it stood") {
			may = append(may, runMarker(t, dir)) // it serves and is not proven yet
		}
		for _, proc := range marked(t, dir) {
			if slices.Contains(old, proc) {
				require.Contains(t, may, proc.Marker, "process %d was left", proc.PID)
			}
		}
	}
	if killedAtTheEnd {
		out.end()
	} else {
		p.await(t, `keeps serving`)
		out.end()
		require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
		require.NoError(t, p.wait(), p.said())
		require.Empty(t, marked(t, dir), "something was left behind")
	}
	require.Empty(t, out.lost)
	for release, c := range out.counts {
		require.Zero(t, c.Failed, "requests that %q failed", release)
	}
	rep, _ := readReport(t, report)
	var outcomes []string
	for _, r := range rep.Releases {
		outcomes = append(outcomes, r.Version+" "+r.Outcome)
	}
	require.Equal(t, []string{"v1 released", "v2 released", "v3 refused", "v4 released"}, outcomes)
}

// runMarker is the marker of the run that is not over.
func runMarker(t *testing.T, dir string) string {
	t.Helper()
	s, _, err := loadSession(dir)
	require.NoError(t, err)
	return markerOf(dir) + "/" + s.Run
}

// servingMarker is the marker of the release that has, or is about to get, the
// traffic for good.
func servingMarker(t *testing.T, dir string) string {
	t.Helper()
	s, _, err := loadSession(dir)
	require.NoError(t, err)
	if s.Serving == nil {
		return markerOf(dir) + "/" + s.Run
	}
	return s.Serving.Process.Marker
}

// scripts makes a folder of releases that the quickstart has never seen.
func scripts(t *testing.T, kinds map[string]string) string {
	t.Helper()
	root := t.TempDir()
	service, err := filepath.Abs(filepath.Join("testdata", "service"))
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "service")
	out, err := exec.Command("go", "build", "-o", program, service).CombinedOutput()
	require.NoError(t, err, string(out))
	for name, kind := range kinds {
		dir := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		script := "#!/bin/sh\nexec " + program + "\n"
		switch kind {
		case "turns bad":
			script = "#!/bin/sh\nBAD=1 exec " + program + "\n"
		case "hangs":
			script = "#!/bin/sh\nexec sleep 1000\n"
		case "dead":
			script = "#!/bin/sh\necho no database >&2\nexit 3\n"
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "run"), []byte(script), 0o755))
	}
	return root
}

func TestBadInput(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	empty := t.TempDir()
	nothing := filepath.Join(t.TempDir(), "releases")
	require.NoError(t, os.MkdirAll(filepath.Join(nothing, "v1"), 0o755))
	plainRun := filepath.Join(t.TempDir(), "releases")
	require.NoError(t, os.MkdirAll(filepath.Join(plainRun, "v1"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(plainRun, "v1", "run"), nil, 0o644))
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"port in use":        {[]string{"-listen", taken.Addr().String()}, taken.Addr().String()},
		"no releases":        {[]string{"-releases", empty}, "no subfolder, and so nothing to release"},
		"nothing to run":     {[]string{"-releases", nothing}, "neither Go files nor an executable file named run"},
		"run not executable": {[]string{"-releases", plainRun}, "is not executable; chmod +x it"},
		"no such folder":     {[]string{"-releases", filepath.Join(empty, "ghost")}, "ghost"},
		"argument":           {[]string{"extra"}, `unexpected argument "extra"`},
		"report":             {[]string{"-report", filepath.Join(empty, "no", "report.json")}, "-report: open"},
		"dir is a file":      {[]string{"-dir", file}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, stateDir(t), c.args...)
			require.Error(t, p.wait())
			require.Contains(t, p.said(), c.want)
			require.Empty(t, marked(t, p.dir))
		})
	}
}

func TestInterruptedAndASecondOneKeptAway(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	releases := scripts(t, map[string]string{"v1": "good", "v2": "hangs", "v3": "good"})
	p := launch(t, dir, "-releases", releases)
	p.await(t, `^v1 is released`)
	second := launch(t, dir, "-releases", releases)
	require.Error(t, second.wait())
	require.Contains(t, second.said(), "another quickstart is at work there")

	p.await(t, `^release v2`)
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Error(t, p.wait())
	require.Contains(t, p.said(), "run again with -dir "+dir+" to go on")
	p = launch(t, dir, "-releases", releases)
	require.NoError(t, p.wait(), p.said())
	require.Regexp(t, `(?s)v2 is refused.*v3 is released`, p.said())
	require.Contains(t, p.said(), "after a kill: found again: v1")
	require.Empty(t, marked(t, dir))
}

// TestABadReleaseIsOutWhileTheOldOneDrains has a request on the old release
// that takes longer than everything else.
func TestABadReleaseIsOutWhileTheOldOneDrains(t *testing.T) {
	t.Parallel()
	releases := scripts(t, map[string]string{"v1": "good", "v2": "turns bad", "v3": "good"})
	dir := stateDir(t)
	report := filepath.Join(t.TempDir(), "report.json")
	p := launch(t, dir, "-releases", releases, "-report", report)
	addr := p.await(t, `^public address: http://([^/]+)/`)[1]
	p.await(t, `^v1 is released`)
	slow, slowEnded := make(chan error, 1), make(chan time.Time, 1)
	go func() {
		resp, err := http.Get("http://" + addr + "/slow")
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if err == nil && resp.Header.Get("X-Release") != "v1" {
			err = fmt.Errorf("answered by %q", resp.Header.Get("X-Release"))
		}
		slowEnded <- time.Now()
		slow <- err
	}()
	require.NoError(t, p.wait(), p.said())
	require.NoError(t, <-slow)
	rep, byVersion := readReport(t, report)
	require.Equal(t, "undone", byVersion["v2"].Outcome)
	require.True(t, byVersion["v2"].LastAnswer.Before(<-slowEnded), "v2 had traffic as long as v1 drained")
	require.Equal(t, "released", byVersion["v3"].Outcome)
	require.Zero(t, rep.Unanswered)
}

// TestAKilledGoRunTakesTheQuickstartAlong kills the go command only.
func TestAKilledGoRunTakesTheQuickstartAlong(t *testing.T) {
	t.Parallel()
	releases := scripts(t, map[string]string{"v1": "good", "v2": "hangs", "v3": "good"})
	dir := stateDir(t)
	run := exec.Command("go", "run", ".", "-dir", dir, "-releases", releases)
	out, err := run.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, run.Start())
	for s := bufio.NewScanner(out); s.Scan() && !strings.HasPrefix(s.Text(), "release v2"); {
	}
	require.NoError(t, run.Process.Kill())
	p := launch(t, dir, "-releases", releases)
	require.NoError(t, p.wait(), p.said())
	require.Error(t, run.Wait())
	require.Regexp(t, `(?s)found again: v1.*v2 is refused.*v3 is released`, p.said())
	require.Empty(t, marked(t, dir))
}

// TestTheSwitchoverMayDieToo kills it together with the quickstart.
func TestTheSwitchoverMayDieToo(t *testing.T) {
	t.Parallel()
	releases := scripts(t, map[string]string{"v1": "good", "v2": "hangs", "v3": "good"})
	dir := stateDir(t)
	p := launch(t, dir, "-releases", releases)
	addr := p.await(t, `^public address: http://([^/]+)/`)[1]
	p.await(t, `^release v2`)
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.wait())
	for _, proc := range marked(t, dir) {
		if proc.Marker == markerOf(dir)+"/switchover" {
			require.NoError(t, localexec.End(t.Context(), []localexec.Process{proc}, -1))
		}
	}
	p = launch(t, dir, "-releases", releases)
	require.NoError(t, p.wait(), p.said())
	require.Contains(t, p.said(), "the switchover was dead and serves again on "+addr)
	require.Regexp(t, `(?s)v2 is refused.*v3 is released`, p.said())
}

// TestNobodyElsesFilesAreCleared names a folder that holds some.
func TestNobodyElsesFilesAreCleared(t *testing.T) {
	dir := stateDir(t)
	file := filepath.Join(dir, "app", "main.c")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte("int main;"), 0o644))
	p := launch(t, dir)
	require.Error(t, p.wait())
	require.Contains(t, p.said(), "holds files that are not a quickstart's (app)")
	require.FileExists(t, file)
}

// TestAnUnfinishedRunGoesOnOnlyAsItWas: other releases, another address.
func TestAnUnfinishedRunGoesOnOnlyAsItWas(t *testing.T) {
	t.Parallel()
	releases := scripts(t, map[string]string{"v1": "good", "v2": "hangs"})
	dir := stateDir(t)
	listen := "localhost:" + freePort(t)
	p := launch(t, dir, "-releases", releases, "-listen", listen)
	p.await(t, `^release v2`)
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.wait())
	for want, args := range map[string][]string{
		"give the same -listen": {"-releases", releases, "-listen", "127.0.0.1:1"},
		"give the same, or":     {"-releases", scripts(t, map[string]string{"v1": "good"})},
	} {
		p := launch(t, dir, args...)
		require.Error(t, p.wait())
		require.Contains(t, p.said(), want)
	}
	more := filepath.Join(releases, "v1b")
	require.NoError(t, os.CopyFS(more, os.DirFS(filepath.Join(releases, "v1"))))
	p = launch(t, dir, "-releases", releases, "-listen", listen)
	require.Error(t, p.wait())
	require.Contains(t, p.said(), "releases [v1 v2], and now there are [v1 v1b v2]")
	require.NoError(t, os.RemoveAll(more))
	p = launch(t, dir, "-releases", releases, "-listen", listen)
	require.NoError(t, p.wait(), p.said())
	require.Contains(t, p.said(), "v2 is refused")
}

func freePort(t *testing.T) string {
	t.Helper()
	addr, err := freeAddr()
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return port
}

func TestNaturalOrder(t *testing.T) {
	names := []string{"v10", "v2", "v1", "1.10.0", "1.9.3", "v02", "beta"}
	slices.SortFunc(names, naturalCompare)
	require.Equal(t, []string{"1.9.3", "1.10.0", "beta", "v1", "v02", "v2", "v10"}, names)
}

func TestOutcomeNamesWhetherThereWasTraffic(t *testing.T) {
	step := func(name string, o deploy.Outcome) deploy.StepReport {
		return deploy.StepReport{Step: name, Phase: deploy.PhaseForward, Outcome: o}
	}
	require.Equal(t, released, outcomeOf(&deploy.Report{Outcome: deploy.Succeeded}))
	require.Equal(t, refused, outcomeOf(&deploy.Report{Outcome: deploy.Undone, Steps: []deploy.StepReport{step("switch", deploy.Failed)}}))
	require.Equal(t, undone, outcomeOf(&deploy.Report{Outcome: deploy.Undone, Steps: []deploy.StepReport{step("switch", deploy.Succeeded)}}))
}

// TestAFirstReleaseThatFailsLeavesRoomForTheNext has nothing to go back to.
func TestAFirstReleaseThatFailsLeavesRoomForTheNext(t *testing.T) {
	t.Parallel()
	releases := scripts(t, map[string]string{"v1": "turns bad", "v2": "dead", "v10": "good"})
	dir := stateDir(t)
	report := filepath.Join(t.TempDir(), "report.json")
	p := launch(t, dir, "-releases", releases, "-report", report)
	require.NoError(t, p.wait(), p.said())
	rep, byVersion := readReport(t, report)
	require.Zero(t, rep.Unanswered)
	var outcomes []string
	for _, r := range rep.Releases {
		outcomes = append(outcomes, r.Version+" "+r.Outcome)
	}
	require.Equal(t, []string{"v1 undone", "v2 refused", "v10 released"}, outcomes)
	require.NotZero(t, byVersion["v1"].Failed)
	require.Contains(t, byVersion["v2"].Reason, "no database")
	require.Empty(t, marked(t, dir))
}
