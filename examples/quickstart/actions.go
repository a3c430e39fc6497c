package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/deploy/switchover"
)

// The Actions of the quickstart's plan. Their fields with a JSON name are what
// they are made of and enter the digest of the plan; the others are the tools
// they work with.

// build makes the artefact of a version: a folder with an executable file
// named run.
type build struct {
	Version string `json:"version"`
	Source  string `json:"source"`
	Go      bool   `json:"go"`
	Own     bool   `json:"own"` // a built-in version
	Out     string `json:"out"`
}

func (b *build) Spec() any { return b }

func (b *build) Preview() []string {
	if b.Go {
		return []string{"go build -o " + filepath.Join(b.Out, "run") + " " + b.Source}
	}
	return []string{"copy " + b.Source + " to " + b.Out}
}

func (b *build) Run(ctx context.Context, c *deploy.Call) error {
	if err := os.RemoveAll(b.Out); err != nil {
		return err
	}
	if err := os.MkdirAll(b.Out, 0o700); err != nil {
		return err
	}
	if !b.Go {
		return os.CopyFS(b.Out, os.DirFS(b.Source))
	}
	return b.compile(ctx, c)
}

func (b *build) compile(ctx context.Context, c *deploy.Call) error {
	tool, err := goTool()
	if err != nil {
		return err
	}
	source := b.Source
	if !inModule(source) { // a folder of Go files alone: give it a module
		source = b.Out + ".source"
		if err := os.RemoveAll(source); err != nil {
			return err
		}
		if err := os.CopyFS(source, os.DirFS(b.Source)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(source, "go.mod"), []byte("module release\n\ngo 1.26\n"), 0o600); err != nil {
			return err
		}
	}
	cmd := deploy.Exec{Command: deploy.Command{
		Argv: []string{tool, "build", "-buildvcs=false", "-o", filepath.Join(b.Out, "run"), "."},
		Dir:  source,
		Env:  goEnvironment(),
	}}
	if b.Own || source != b.Source { // no go.work above the state folder has a say
		cmd.Command.Env["GOWORK"] = "off"
	}
	if err := cmd.Run(ctx, c); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(b.Out, "run"))
	if err == nil && info.Mode()&0o111 == 0 {
		err = fmt.Errorf("the Go package in %s is not package main, so there is nothing to run", b.Source)
	}
	return err
}

// goEnvironment is what the go command of this program would see, but for
// what is none of its business.
func goEnvironment() map[string]string {
	var names []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "GO") || strings.HasPrefix(upper, "CGO") || strings.HasPrefix(upper, "XDG_") ||
			strings.HasSuffix(upper, "_PROXY") || strings.HasPrefix(upper, "SSL_CERT") || upper == "CC" {
			names = append(names, name)
		}
	}
	return environment(names...)
}

// environment picks variables of this program for a command, PATH and HOME
// among them.
func environment(names ...string) map[string]string {
	env := map[string]string{}
	for _, name := range append(names, "PATH", "HOME", "TMPDIR") {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	return env
}

// place puts the artefact into a release directory of its own.
type place struct {
	Release string `json:"release"`
	From    string `json:"from"`

	releases *release.Dir
}

func (p *place) Spec() any { return p }

func (p *place) Preview() []string { return []string{"copy " + p.From + " to release " + p.Release} }

func (p *place) Run(ctx context.Context, c *deploy.Call) error {
	rel, err := p.releases.Stage(ctx, release.Spec{ID: p.Release, From: os.DirFS(p.From)})
	if err != nil {
		return err
	}
	c.Printf("artefact %s", rel.Artefact)
	return nil
}

// unplace takes a release directory away.
type unplace struct {
	Release string `json:"release"`

	releases *release.Dir
}

func (u *unplace) Spec() any { return u }

func (u *unplace) Preview() []string { return []string{"remove release " + u.Release} }

func (u *unplace) Run(ctx context.Context, c *deploy.Call) error {
	err := u.releases.Remove(ctx, u.Release)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, release.ErrProtected): // a first release is current, and stays so until there is another
		c.Printf("%v", err)
		return u.releases.Fail(ctx, u.Release, "undone")
	}
	return err
}

// start starts the release on a free port, beside the one that serves.
type start struct {
	Release string `json:"release"`
	Dir     string `json:"dir"`
	Log     string `json:"log"`

	exec *localexec.Executor
}

func (s *start) Spec() any { return s }

func (s *start) Preview() []string {
	return []string{"cd " + s.Dir + " && ADDR=<free port> RELEASE=" + s.Release + " ./run"}
}

func (s *start) Run(ctx context.Context, c *deploy.Call) error {
	if err := endMarked(ctx, c.Marker()); err != nil { // of an attempt that was cut off
		return err
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	env := environment()
	env["ADDR"], env["RELEASE"], env[deploy.MarkerVar] = addr, s.Release, c.Marker()
	proc, err := s.exec.Start(ctx, deploy.Command{Argv: []string{filepath.Join(s.Dir, "run")}, Dir: s.Dir, Env: env}, s.Log)
	if err != nil {
		return err
	}
	c.Printf("%s is process %d on %s", s.Release, proc.PID, addr)
	return errors.Join(c.Provide("process", proc), c.Provide("addr", addr))
}

// freeAddr asks the system for a port that nobody uses.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// stop ends every process that the run has started.
type stop struct {
	Release string `json:"release"`
}

func (s *stop) Spec() any { return s }

func (s *stop) Preview() []string { return []string{"end the processes of release " + s.Release} }

func (s *stop) Run(ctx context.Context, c *deploy.Call) error { return endMarked(ctx, c.Marker()) }

// stopGrace is how long a service may take to end before it is killed.
const stopGrace = 5 * time.Second

// endMarked ends every process with the marker.
func endMarked(ctx context.Context, marker string) error {
	_, err := endAll(ctx, func() ([]localexec.Process, error) {
		procs, err := localexec.Marked(marker)
		return slices.DeleteFunc(procs, func(p localexec.Process) bool { return p.Marker != marker }), err
	})
	return err
}

// endAll ends what list finds until it finds nothing more: a process can start
// another while it is being ended.
func endAll(ctx context.Context, list func() ([]localexec.Process, error)) (ended []localexec.Process, err error) {
	for range 10 {
		procs, err := list()
		if err != nil || len(procs) == 0 {
			return ended, err
		}
		if err := localexec.End(ctx, procs, stopGrace); err != nil {
			return ended, err
		}
		ended = append(ended, procs...)
	}
	return ended, fmt.Errorf("processes come back as often as they are ended: %+v", ended)
}

// gate waits until the release answers well, or its process has ended.
type gate struct {
	deploy.Health
	log string
}

func (g *gate) Run(ctx context.Context, c *deploy.Call) error {
	var proc localexec.Process
	if err := c.Bind("process", &proc); err != nil {
		return err
	}
	health := g.Health
	health.Alive = func(context.Context) error {
		if localexec.Alive(proc) {
			return nil
		}
		return fmt.Errorf("process %d has ended; %s", proc.PID, lastLines(g.log))
	}
	return health.Run(ctx, c)
}

// lastLines returns the end of a log file, as the end of a sentence.
func lastLines(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(raw) == 0 {
		return "it wrote nothing"
	}
	return "its output ends:\n" + strings.TrimSpace(string(raw[max(0, len(raw)-600):])) + "\n"
}

// activate makes the release the current one.
type activate struct {
	Release string `json:"release"`

	releases *release.Dir
}

func (a *activate) Spec() any { return a }

func (a *activate) Preview() []string { return []string{"current -> releases/" + a.Release} }

func (a *activate) Run(ctx context.Context, _ *deploy.Call) error {
	if a.Release == "" { // the way back from the first release
		return nil
	}
	return a.releases.Activate(ctx, a.Release)
}

// swap moves the traffic to the release. The switchover asks it for its health
// once more, swaps, and drains the old one while the new one is watched.
type swap struct {
	Release string              `json:"release"`
	From    *switchover.Backend `json:"from"`

	traffic *switchover.Client
}

func (s *swap) Spec() any { return s }

func (s *swap) Preview() []string {
	return []string{"traffic from " + s.From.String() + " to " + s.Release}
}

func (s *swap) Run(ctx context.Context, c *deploy.Call) error {
	var addr string
	if err := c.Bind("addr", &addr); err != nil {
		return err
	}
	st, err := s.traffic.Status(ctx)
	if err != nil {
		return err
	}
	to := switchover.Backend{Name: s.Release, Addr: addr}
	// The watch begins at the swap, not after the drain of the old release:
	// that may take long, and a bad release must not have the time.
	req := switchover.SwapRequest{To: to, From: s.From, NoWait: true, Interval: probeInterval / 2, Timeout: patience}
	before := countsOf(st, s.Release) // of an attempt that was undone
	if st.Live == to {                // an attempt that was cut off
		req.From, before = &to, deploy.Counts{}
	}
	if err := c.Provide("before", before); err != nil {
		return err
	}
	_, err = s.traffic.Swap(ctx, req)
	return err
}

// countsOf returns what the switchover counted for a release, the prober's
// requests included.
func countsOf(st switchover.Status, name string) deploy.Counts {
	c := st.Counts[name]
	return deploy.Counts{Requests: int(c.Requests + c.Probes.Requests), Failed: int(c.Failed + c.Probes.Failed)}
}

// observe watches what the switchover counts for the release.
type observe struct {
	deploy.Watch
	Release string `json:"release"`

	traffic *switchover.Client
	stuck   func(context.Context) error
}

func (o *observe) Spec() any { return o }

func (o *observe) Run(ctx context.Context, c *deploy.Call) error {
	var before deploy.Counts
	if err := c.Bind("before", &before); err != nil {
		return err
	}
	watch := o.Watch
	watch.Check = o.stuck
	watch.Counts = func(ctx context.Context) (deploy.Counts, error) {
		st, err := o.traffic.Status(ctx)
		if err != nil {
			return deploy.Counts{}, err
		}
		now := countsOf(st, o.Release)
		return deploy.Counts{Requests: now.Requests - before.Requests, Failed: now.Failed - before.Failed}, nil
	}
	return watch.Run(ctx, c)
}

// swapBack gives the traffic back to the release that had it, at once. Where
// none had it, the service is taken out of traffic.
type swapBack struct {
	To *switchover.Backend `json:"to"`

	traffic *switchover.Client
}

func (s *swapBack) Spec() any { return s }

func (s *swapBack) Preview() []string { return []string{"traffic back to " + s.To.String()} }

func (s *swapBack) Run(ctx context.Context, c *deploy.Call) error {
	res, err := s.traffic.Swap(ctx, switchover.SwapRequest{To: *s.To, Proven: true})
	if err != nil {
		return err
	}
	c.Printf("%s drained in %s, %d cut", res.From, res.Drain.Round(time.Millisecond), res.Cut)
	return nil
}

// prove writes down that the release served well.
type prove struct {
	Release string `json:"release"`

	releases *release.Dir
	traffic  *switchover.Client
}

func (p *prove) Spec() any { return p }

func (p *prove) Preview() []string { return []string{"mark release " + p.Release + " as proven"} }

func (p *prove) Run(ctx context.Context, _ *deploy.Call) error {
	st, err := p.traffic.Status(ctx)
	if err != nil {
		return err
	}
	n := st.Counts[p.Release]
	return p.releases.Prove(ctx, p.Release, fmt.Sprintf("%d requests and %d probes answered, none failed", n.Requests, n.Probes.Requests))
}

// retire ends the release that served before. Traffic has left it and the new
// one is proven, so trouble here is told and does not undo the release.
type retire struct {
	Old  *serving `json:"old"`
	Keep int      `json:"keep"`

	releases *release.Dir
	traffic  *switchover.Client
}

func (r *retire) Spec() any { return r }

func (r *retire) Preview() []string {
	if r.Old == nil {
		return []string{"nothing served before"}
	}
	return []string{fmt.Sprintf("end %s, keep %d releases", r.Old.Release, r.Keep)}
}

func (r *retire) Run(ctx context.Context, c *deploy.Call) error {
	if r.Old != nil {
		if err := r.end(ctx); err != nil {
			c.Printf("%s could not be ended: %v", r.Old.Release, err)
		}
	}
	if _, err := r.releases.Prune(ctx, r.Keep); err != nil {
		c.Printf("old releases could not be removed: %v", err)
	}
	return nil
}

// end waits until the old release has answered what it was sent, and ends it
// with whatever it has started.
func (r *retire) end(ctx context.Context) error {
	st, err := r.traffic.Status(ctx)
	if err != nil {
		return err
	}
	if _, err := r.traffic.Swap(ctx, switchover.SwapRequest{To: st.Live, Proven: true}); err != nil {
		return err
	}
	if _, err := localexec.Stop(ctx, r.Old.Process, stopGrace); err != nil {
		return err
	}
	return endMarked(ctx, r.Old.Process.Marker)
}
