//go:build unix

package localexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/masaruk/devops/deploy"
)

const (
	// linger is how long the rest of a group may take to end by itself once
	// the command has, before it counts as left over.
	linger = 500 * time.Millisecond
	// pollEvery is how often a group is looked at while it ends.
	pollEvery = 20 * time.Millisecond
	// busyWait bounds the wait for a program file that is open for writing:
	// any process forked while the file was written holds it open until it
	// executes its own program.
	busyWait = 2 * time.Second
)

// running is a command that was started.
type running struct {
	pgid   int
	cmd    *exec.Cmd
	exited chan struct{} // closed when the leader has ended and was reaped
	out    *stream
	errs   *stream
	gate   *gate
	stdin  *os.File   // our end; nil without Stdin
	abort  chan error // why Stdin could not be read
}

// ending is the way a command and its group ended.
type ending struct {
	cause    error // why it was ended early; nil if it ended by itself
	grace    time.Duration
	killed   bool     // the polite signal did not do
	leftover []string // what ran on in the group after the leader had ended
	err      error    // the group could not be ended
}

// launch starts p with pipes for its output. What it starts holds claim; it is
// the caller's to drop, also after an error.
func launch(ctx context.Context, p *prepared, cmd deploy.Command, claim *claim) (_ *running, err error) {
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close() // the child's ends; all of them if nothing was started
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	outR, outW := pipe()
	errR, errW := pipe()
	var inR, inW *os.File
	if cmd.Stdin != nil {
		inR, inW = pipe()
	}
	ours := notNil(outR, errR, inW)
	files = notNil(outW, errW, inR)
	if err != nil {
		files = append(files, ours...)
		return nil, fmt.Errorf("pipe: %w", err)
	}
	c, err := startBusy(ctx, func() *exec.Cmd {
		c := &exec.Cmd{
			Path: p.path, Args: p.argv, Env: p.env, Dir: p.dir, Stdout: outW, Stderr: errW,
			ExtraFiles: claim.files(), SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		}
		if inR != nil {
			c.Stdin = inR
		}
		return c
	})
	if err != nil {
		files = append(files, ours...)
		return nil, err
	}
	if err := claim.started(c.Process.Pid); err != nil {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
		files = append(files, ours...)
		return nil, fmt.Errorf("started and killed again, since the fence could not record it: %w", err)
	}
	r := &running{pgid: c.Process.Pid, cmd: c, exited: make(chan struct{}), gate: &gate{}, stdin: inW, abort: make(chan error, 1)}
	r.out = &stream{name: "Stdout", r: outR, w: cmd.Stdout, gate: r.gate, done: make(chan struct{})}
	r.errs = &stream{name: "Stderr", r: errR, w: cmd.Stderr, gate: r.gate, done: make(chan struct{})}
	r.watch(p.mask, cmd.Stdin)
	return r, nil
}

// watch starts the goroutines that move data and reap the leader.
func (r *running) watch(m mask, stdin io.Reader) {
	go r.out.pump(m)
	go r.errs.pump(m)
	if r.stdin != nil {
		go r.feed(stdin)
	}
	go func() {
		_ = r.cmd.Wait() // ProcessState tells
		close(r.exited)
	}()
}

// feed copies Stdin. If it cannot be read to its end, the pipe stays open and
// the command is ended: it must not take half an input for the whole.
func (r *running) feed(stdin io.Reader) {
	defer func() {
		if v := recover(); v != nil {
			r.abort <- fmt.Errorf("Stdin: panic: %v", v)
		}
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := stdin.Read(buf)
		if n > 0 {
			if _, werr := r.stdin.Write(buf[:n]); werr != nil {
				return // the command reads no more, which is its own affair
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			r.stdin.Close()
			return
		case err != nil:
			r.abort <- fmt.Errorf("Stdin: %w", err)
			return
		}
	}
}

// settle waits until the whole group has ended, and ends it if ctx ends, if
// Stdin cannot be read, or if the leader has ended and others run on.
func (r *running) settle(ctx context.Context, grace time.Duration) ending {
	end := ending{grace: grace}
	select {
	case <-r.exited:
	case <-ctx.Done():
		end.cause = context.Cause(ctx)
	case err := <-r.abort:
		end.cause = err
	}
	select {
	case <-r.exited:
		end.cause = nil // it was faster: what it did is done
	default:
	}
	if end.cause == nil {
		if r.gone(linger) {
			return end
		}
		end.leftover = groupMembers(r.pgid)
	}
	end.killed, end.err = r.endGroup(grace)
	return end
}

// endGroup ends all processes of the group and waits for them.
func (r *running) endGroup(grace time.Duration) (killed bool, err error) {
	if grace > 0 {
		_ = syscall.Kill(-r.pgid, syscall.SIGTERM)
		_ = syscall.Kill(-r.pgid, syscall.SIGCONT) // a stopped process sees the signal too
		if r.gone(grace) {
			return false, nil
		}
	}
	for {
		err := syscall.Kill(-r.pgid, syscall.SIGKILL)
		if r.gone(time.Second) {
			return true, nil
		}
		if errors.Is(err, syscall.EPERM) {
			return true, fmt.Errorf("process group %d runs on: it may not be signalled: %w", r.pgid, err)
		}
	}
}

// gone waits until leader and group have ended, for at most limit.
func (r *running) gone(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.exited:
	case <-timer.C:
		return false
	}
	if !groupAlive(r.pgid) {
		return true
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !groupAlive(r.pgid) {
				return true
			}
		case <-timer.C:
			return false
		}
	}
}

// drain waits until the output has reached its Writers. Only an ended ctx lets
// it give up on a Writer that hangs, after the time it takes to empty a pipe.
func (r *running) drain(ctx context.Context) error {
	if r.stdin != nil {
		r.stdin.Close()
	}
	r.out.finish()
	r.errs.finish()
	giveUp := make(chan struct{})
	flushed := make(chan struct{})
	defer close(flushed)
	go func() {
		select {
		case <-ctx.Done():
		case <-flushed:
			return
		}
		timer := time.NewTimer(2 * drainIdle)
		defer timer.Stop()
		select {
		case <-timer.C:
			close(giveUp)
		case <-flushed:
		}
	}()
	var errs []error
	for _, s := range []*stream{r.out, r.errs} {
		select {
		case <-s.done:
		case <-giveUp:
			r.gate.closed.Store(true)
			errs = append(errs, fmt.Errorf("%s: its Writer has not returned", s.name))
		}
		if err := s.failure(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return join(errs...)
}

// result describes the leader and the output so far.
func (r *running) result() deploy.Result {
	res := deploy.Result{Exit: -1, Stdout: r.out.bytes(), Stderr: r.errs.bytes()}
	select {
	case <-r.exited:
	default:
		return res // it could not be ended
	}
	res.Exit = r.cmd.ProcessState.ExitCode()
	if ws, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		res.Signal = ws.Signal().String()
	}
	return res
}

// startBusy starts what build makes, and tries again while the program file is
// still open for writing.
func startBusy(ctx context.Context, build func() *exec.Cmd) (*exec.Cmd, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	deadline := time.Now().Add(busyWait)
	for {
		c := build()
		err := c.Start()
		if !errors.Is(err, syscall.ETXTBSY) || time.Now().After(deadline) {
			return c, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("not started: %w", context.Cause(ctx))
		}
	}
}

func notNil(files ...*os.File) []*os.File {
	var out []*os.File
	for _, f := range files {
		if f != nil {
			out = append(out, f)
		}
	}
	return out
}
