package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/switchover"
)

// releaseHeader names the release in every answer.
const releaseHeader = "X-Release"

// serveTraffic is the switchover process: this program, started a second time
// with the word switchover. It lives on when the quickstart dies.
func serveTraffic(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: switchover ADDR SOCKET STATE")
	}
	srv, err := switchover.New(args[1], &switchover.Options{Listen: args[0], State: args[2], ReleaseHeader: releaseHeader})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return srv.Run(ctx)
}

// trafficMarker marks the switchover process.
func (q *quickstart) trafficMarker() string { return q.marker + "/switchover" }

// findTraffic tells whether the switchover of the state folder serves.
func (q *quickstart) findTraffic(ctx context.Context) (switchover.Status, bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	st, err := q.traffic.Status(ctx)
	return st, err == nil
}

// startTraffic starts the switchover and waits until it serves.
func (q *quickstart) startTraffic(ctx context.Context, listen string) (switchover.Status, error) {
	self, err := os.Executable()
	if err != nil {
		return switchover.Status{}, err
	}
	env := environment()
	env[deploy.MarkerVar] = q.trafficMarker()
	log := filepath.Join(q.dir, "logs", "switchover.log")
	if err := os.Remove(log); err != nil && !errors.Is(err, os.ErrNotExist) {
		return switchover.Status{}, err
	}
	proc, err := q.exec.Start(ctx, deploy.Command{
		Argv: []string{self, "switchover", listen, q.session.Socket, filepath.Join(q.dir, "switchover", "state.json")},
		Env:  env,
	}, log)
	if err != nil {
		return switchover.Status{}, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if st, ok := q.findTraffic(ctx); ok && st.PID == proc.PID {
			return st, nil
		}
		if !localexec.Alive(proc) {
			return switchover.Status{}, fmt.Errorf("the switchover on %s did not start: %s", listen, lastLines(log))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return switchover.Status{}, context.Cause(ctx)
		}
	}
	return switchover.Status{}, fmt.Errorf("the switchover on %s did not answer: %s", listen, lastLines(log))
}

// leftovers lists the processes that an earlier program left behind, except
// those that carry one of the given markers.
func (q *quickstart) leftovers(keep ...string) ([]localexec.Process, error) {
	procs, err := localexec.Marked(q.marker)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(procs, func(p localexec.Process) bool { return slices.Contains(keep, p.Marker) }), nil
}
