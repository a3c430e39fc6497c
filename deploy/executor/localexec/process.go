package localexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/masaruk/devops/deploy"
)

// Process names one process of this machine for good: the number together
// with the moment it began, so that another process which is given the same
// number later is never taken for it. It is meant to be stored as JSON.
type Process struct {
	PID int `json:"pid"`
	// Ticks is when the process began, in clock ticks since the system did:
	// field 22 of proc_pid_stat(5).
	Ticks uint64 `json:"start_ticks"`
	// Boot is the kernel's id of the boot that Ticks counts from.
	Boot string `json:"boot_id"`
	// Marker is the value of [deploy.MarkerVar] that the process was started
	// with, empty if it had none.
	Marker string `json:"marker,omitempty"`
}

// Start starts a process that is to outlive this program, such as a service:
// it leads a session of its own, so neither a closed terminal nor the death of
// this program ends it. Its standard input is empty. What it writes is
// appended to logFile, which is created, or changed, to be readable by its
// owner only, because nothing can filter it: the file may hold secrets.
//
// Argv, Dir, Env and Secrets are those of [deploy.Command] and checked as in
// [Executor.Run]; Stdin, Stdout and Stderr must be nil. The end of ctx after
// Start has returned does not touch the process; it runs until it ends by
// itself or [Stop] ends it. A process that ends is reaped while this program
// lives. On other systems than linux the error is [errors.ErrUnsupported].
func (e *Executor) Start(ctx context.Context, cmd deploy.Command, logFile string) (Process, error) {
	p, err := e.prepare(cmd)
	if err != nil {
		return Process{}, err
	}
	program := p.argv[0]
	switch {
	case cmd.Stdin != nil || cmd.Stdout != nil || cmd.Stderr != nil:
		return Process{}, fmt.Errorf("%s: not started: a process that outlives the program has no Stdin, Stdout and Stderr, only a log file", program)
	case ctx.Err() != nil:
		return Process{}, fmt.Errorf("%s: not started: %w", program, context.Cause(ctx))
	}
	log, err := openLog(logFile)
	if err != nil {
		return Process{}, fmt.Errorf("%s: not started: log file: %w", program, err)
	}
	defer log.Close()
	claim, err := e.claim(ctx, cmd)
	if err != nil {
		return Process{}, fmt.Errorf("%s: not started: %w", program, err)
	}
	defer claim.drop() // and the process does not inherit it
	proc, err := startDetached(ctx, p, log)
	if err != nil {
		return Process{}, fmt.Errorf("%s: %w", program, err)
	}
	proc.Marker = cmd.Env[deploy.MarkerVar]
	return proc, nil
}

func openLog(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Alive tells whether p is still running. A process that has ended but was
// not reaped by its parent is not. It is always false where [Executor.Start]
// is not supported.
func Alive(p Process) bool { return alive(p) }

// Stop ends the session that p leads, that is, p and the processes it started
// but for those that opened sessions of their own: politely first and, if
// grace was not enough, by force. Zero grace is 10 seconds, a negative one
// none. It returns when all of them are gone, and tells whether force was
// needed. It need not be the program that started p. If p itself is gone, Stop
// ends what is left of the session only where it carries p.Marker, since the
// number may belong to a stranger by then. A p that leads no session is ended
// by itself.
//
// When ctx ends first, Stop returns an error that wraps [context.Cause] and
// leaves the rest running. It refuses to end this program or an ancestor.
func Stop(ctx context.Context, p Process, grace time.Duration) (killed bool, err error) {
	return stop(ctx, p, graceOf(grace))
}

// Marked returns the processes whose environment carries a
// [deploy.MarkerVar] of the given value, or of one that goes on behind it with
// a slash, but for this program and its ancestors: "api@stg" finds every run
// of that service, "api@stg/r1" that run and not "api@stg/r10". It sees what this program may read: the
// processes of its own user, or all as root. The environment is that with
// which a process executed its program; one that writes its title over it, as
// some servers do, is not found.
//
// A process that forks while Marked looks may be missed: call Marked again
// after [End] until nothing is found. Linux only; elsewhere the error is
// [errors.ErrUnsupported].
func Marked(marker string) ([]Process, error) {
	if marker == "" {
		return nil, errors.New("localexec: Marked needs a marker: without one it would find the processes of every run")
	}
	return marked(marker)
}

// End ends processes as [Stop] does, but each by itself: not its group, its
// session or its children. Those that are gone already count as ended.
func End(ctx context.Context, procs []Process, grace time.Duration) error {
	return end(ctx, procs, graceOf(grace))
}
