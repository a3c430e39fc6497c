package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/progress"
	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/switchover"
)

// options are the flags.
type options struct {
	listen, dir, releases, report string
	hold                          bool
}

// quickstart is one call of the program on one state folder.
type quickstart struct {
	opts     options
	out      io.Writer
	dir      string
	marker   string // begins the marker of every process
	exec     *localexec.Executor
	log      *filelog.Log
	releases *release.Dir
	traffic  *switchover.Client
	session  *session
	versions []version
	users    *clients
}

func run(ctx context.Context, opts options, out io.Writer) error {
	q := &quickstart{opts: opts, out: out}
	if err := q.checkReport(); err != nil {
		return err
	}
	lock, err := q.openDir()
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := q.open(); err != nil {
		return err
	}
	if err := q.enter(ctx); err != nil {
		return err
	}
	q.users = newClients(reachable(q.session.Addr), opts.releases == "")
	if st, err := q.traffic.Status(ctx); err == nil && st.Live != (switchover.Backend{}) {
		q.users.start()
	}
	err = q.releaseAll(ctx)
	q.users.stop()
	if err != nil {
		return q.explain(err)
	}
	return q.end(ctx)
}

// open prepares the tools, and finds what is to be released.
func (q *quickstart) open() (err error) {
	q.marker = markerOf(q.dir)
	if err := q.makeParts(); err != nil {
		return err
	}
	if q.exec, err = localexec.New(nil); err != nil {
		return err
	}
	if q.log, err = filelog.New(filepath.Join(q.dir, "log"), nil); err != nil {
		return err
	}
	if q.releases, err = release.New(filepath.Join(q.dir, "app"), nil); err != nil {
		return err
	}
	if q.opts.releases == "" {
		q.versions, err = unpackBuiltin(filepath.Join(q.dir, "builtin"))
		return err
	}
	if q.opts.releases, err = filepath.Abs(q.opts.releases); err != nil {
		return err
	}
	q.versions, err = findVersions(q.opts.releases)
	return err
}

// enter begins a session, or takes up one that was killed.
func (q *quickstart) enter(ctx context.Context) error {
	s, unfinished, err := loadSession(q.dir)
	if err != nil {
		return err
	}
	q.session = s
	if !unfinished {
		fmt.Fprintf(q.out, "state in %s\n", q.dir)
		return q.begin(ctx)
	}
	if err := q.compatible(); err != nil {
		return err
	}
	fmt.Fprintf(q.out, "state in %s: an unfinished run, which goes on after %d of %d releases\n", q.dir, len(s.Outcomes), len(q.versions))
	s.Continued = true
	if q.traffic, err = switchover.NewClient(s.Socket); err != nil {
		return err
	}
	taken, err := q.recover(ctx)
	if err != nil || taken {
		return err
	}
	q.say("nothing that serves is alive any more: the run starts again from its first release")
	*s = session{Version: 1, Number: s.Number + 1, Began: s.Began, Continued: true, Recovery: s.Recovery, path: s.path}
	return q.begin(ctx)
}

// compatible refuses to go on with other versions or another address.
func (q *quickstart) compatible() error {
	s := q.session
	if s.Source != q.opts.releases {
		return fmt.Errorf("the unfinished run in %s has -releases %q; give the same, or another -dir", q.dir, s.Source)
	}
	if want := names(q.versions); fmt.Sprint(want) != fmt.Sprint(s.Names) {
		return fmt.Errorf("the unfinished run in %s releases %v, and now there are %v; put them back, or name another -dir", q.dir, s.Names, want)
	}
	if l := q.opts.listen; l != "" && l != s.Listen && l != s.Addr {
		return fmt.Errorf("the unfinished run in %s serves on %s; give the same -listen, or another -dir", q.dir, s.Addr)
	}
	return nil
}

func names(versions []version) []string {
	var all []string
	for _, v := range versions {
		all = append(all, v.Name)
	}
	return all
}

// begin starts from nothing: whatever an earlier session left is ended.
func (q *quickstart) begin(ctx context.Context) error {
	if err := q.sweep(ctx); err != nil {
		return err
	}
	listen := q.opts.listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", listen) // before anything is cleared away
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	if err := l.Close(); err != nil {
		return err
	}
	for _, part := range []string{"app", "build", "logs", "switchover"} {
		if err := os.RemoveAll(filepath.Join(q.dir, part)); err != nil {
			return err
		}
	}
	if err := q.makeParts(); err != nil {
		return err
	}
	s := q.session
	s.Source, s.Names, s.Listen, s.Socket = q.opts.releases, names(q.versions), q.opts.listen, q.socketPath()
	if q.traffic, err = switchover.NewClient(s.Socket); err != nil {
		return err
	}
	st, err := q.startTraffic(ctx, listen)
	if err != nil {
		return err
	}
	s.Addr = st.Addr
	fmt.Fprintf(q.out, "public address: http://%s/\n", reachable(st.Addr))
	return s.save()
}

// sweep ends what is left of an earlier program, except what carries one of
// the given markers.
func (q *quickstart) sweep(ctx context.Context, keep ...string) error {
	ended, err := endAll(ctx, func() ([]localexec.Process, error) { return q.leftovers(keep...) })
	for _, p := range ended {
		q.say("ended process %d (%s), left behind by an earlier run", p.PID, p.Marker)
	}
	return err
}

// say tells something about an earlier program, now and in the report.
func (q *quickstart) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	q.session.Recovery = append(q.session.Recovery, line)
	fmt.Fprintln(q.out, line)
}

// reachable turns an address that means "every interface" into one to visit.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// releaseAll releases every version that has no outcome yet.
func (q *quickstart) releaseAll(ctx context.Context) error {
	for len(q.session.Outcomes) < len(q.versions) {
		if err := q.release(ctx, q.next()); err != nil {
			return err
		}
	}
	return nil
}

// next is the version whose turn it is.
func (q *quickstart) next() version { return q.versions[len(q.session.Outcomes)] }

// release releases one version.
func (q *quickstart) release(ctx context.Context, v version) error {
	s := q.session
	if s.Run == "" {
		st, err := q.traffic.Status(ctx)
		if err != nil {
			return err
		}
		s.Attempt++
		s.Run, s.From = s.runID(), st.Live
		if err := s.save(); err != nil {
			return err
		}
	}
	fmt.Fprintf(q.out, "\nrelease %s\n", v.Name)
	show, err := progress.New(q.out, nil)
	if err != nil {
		return err
	}
	runner, err := q.runner(func(e deploy.Event) {
		if step, ok := e.(deploy.StepFinished); ok && step.Step == "switch" && step.Outcome == deploy.Succeeded {
			q.users.start() // there is somebody to answer them now
		}
		show.Handle(e)
	})
	if err != nil {
		return err
	}
	rep, err := q.goOn(ctx, runner, deploy.RunID(s.Run), q.plan(v, s.From, s.Serving))
	err = errors.Join(ignoreEnded(rep, err), show.Close())
	if err != nil {
		return err
	}
	return q.settle(v, rep)
}

// ignoreEnded drops the error of a run that ended: a release that was refused
// is an outcome here, not a failure of the quickstart.
func ignoreEnded(rep *deploy.Report, err error) error {
	if rep != nil && rep.Outcome.Ended() {
		return nil
	}
	return err
}

func (q *quickstart) runner(handle func(deploy.Event)) (*deploy.Runner, error) {
	return deploy.New(q.log, &deploy.Options{
		Executor: q.exec, Handle: handle, Marker: q.marker, Initiator: "quickstart",
	})
}

// settle keeps the outcome of a version and what serves now.
func (q *quickstart) settle(v version, rep *deploy.Report) error {
	s := q.session
	out := releaseReport{
		Version: v.Name, Outcome: outcomeOf(rep), Reason: rep.Reason, Duration: rep.Duration.Seconds(), Attempts: s.Attempt,
	}
	if out.Outcome == released {
		s.Serving = &serving{Release: v.Name}
		err := errors.Join(output(rep, "addr", &s.Serving.Addr), output(rep, "process", &s.Serving.Process))
		if err != nil {
			return err
		}
	}
	s.Outcomes, s.Run, s.Attempt = append(s.Outcomes, out), "", 0
	if err := s.save(); err != nil {
		return err
	}
	fmt.Fprintln(q.out, out.line())
	return nil
}

// output reads an output of a run that succeeded.
func output(rep *deploy.Report, name string, into any) error {
	if err := json.Unmarshal(rep.Outputs[name], into); err != nil {
		return fmt.Errorf("output %q of run %s: %w", name, rep.Run, err)
	}
	return nil
}
