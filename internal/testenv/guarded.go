package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"

	"github.com/masaruk/devops/internal/testenv/internal/guard"
)

// guardPath is the PATH of the guard and of the servers.
const guardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// guarded is the test's end of a guard process.
type guarded struct {
	dir  string
	self int // the guard's own process

	asking  sync.Mutex // one request at a time
	in      io.WriteCloser
	replies chan guard.Reply

	mu   sync.Mutex
	gone chan struct{} // closed when the current server has ended
	pid  int

	closing sync.Once
	finish  func() error
	err     error
}

// newGuarded starts a guard. It lives until Close or the end of this process.
func newGuarded(ctx context.Context, name string) (*guarded, error) {
	cmd, err := guardCommand(ctx, name)
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a guard: %w", err)
	}
	g := &guarded{self: cmd.Process.Pid, in: in, replies: make(chan guard.Reply, 1), gone: make(chan struct{})}
	g.finish = func() error { return finishGuard(cmd, in, g.replies, &stderr) }
	go g.listen(out)
	first, err := g.reply(ctx)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	g.dir = first.Dir
	return g, nil
}

// finishGuard lets the guard clean up, and waits for it.
func finishGuard(cmd *exec.Cmd, in io.Closer, replies <-chan guard.Reply, stderr *bytes.Buffer) error {
	_ = in.Close() // fails only when the guard has gone, which Wait reports
	for range replies {
		// Wait must not be called before the last message was read.
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("guard: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return nil
}

// listen sorts what the guard says into replies and the end of the server.
func (g *guarded) listen(out io.Reader) {
	defer close(g.replies)
	defer g.ended() // without its guard the server has no long life either
	for dec := json.NewDecoder(out); ; {
		var r guard.Reply
		if dec.Decode(&r) != nil {
			return
		}
		if r.Exited == "" {
			g.replies <- r
			continue
		}
		g.ended()
	}
}

func (g *guarded) ended() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !isClosed(g.gone) {
		close(g.gone)
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// ask sends one request and waits for its reply. Once ctx has ended during
// that, the guard is good only for Close.
func (g *guarded) ask(ctx context.Context, r guard.Request) (guard.Reply, error) {
	g.asking.Lock()
	defer g.asking.Unlock()
	if err := json.NewEncoder(g.in).Encode(r); err != nil {
		return guard.Reply{}, fmt.Errorf("ask the guard: %w", err)
	}
	return g.reply(ctx)
}

func (g *guarded) reply(ctx context.Context) (guard.Reply, error) {
	select {
	case <-ctx.Done():
		return guard.Reply{}, context.Cause(ctx)
	case r, ok := <-g.replies:
		if !ok {
			return r, errors.New("the guard has ended")
		}
		if r.Error != "" {
			return r, errors.New(r.Error)
		}
		return r, nil
	}
}

// run runs cmd to its end.
func (g *guarded) run(ctx context.Context, cmd guard.Command) error {
	r, err := g.ask(ctx, guard.Request{Run: &cmd})
	if err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Argv[0], err, r.Output)
	}
	return nil
}

// start starts the server; the last one must have ended.
func (g *guarded) start(ctx context.Context, s guard.Server) error {
	g.mu.Lock()
	running := g.pid != 0 && !isClosed(g.gone)
	if !running {
		g.gone = make(chan struct{})
	}
	g.mu.Unlock()
	if running {
		return errors.New("it is running")
	}
	r, err := g.ask(ctx, guard.Request{Start: &s})
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pid = r.PID
	return nil
}

func (g *guarded) signal(ctx context.Context, sig syscall.Signal) error {
	_, err := g.ask(ctx, guard.Request{Signal: int(sig)})
	return err
}

func (g *guarded) current() (pid int, gone <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pid, g.gone
}

// Close ends everything and returns when nothing is left.
func (g *guarded) Close() error {
	g.closing.Do(func() { g.err = g.finish() })
	return g.err
}
