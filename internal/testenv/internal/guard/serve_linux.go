package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
)

// Serve is the guard's whole life: it returns when in has ended and nothing
// is left. The process must do nothing else, for Serve reaps every child.
func Serve(in io.Reader, out io.Writer) error {
	// The test may be gone by the time something is written to it.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := becomeSubreaper(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "devops-testenv-")
	if err != nil {
		return err
	}
	g := &guard{dir: dir, out: json.NewEncoder(out), reaper: newReaper()}
	// A server under another user must reach its data below.
	if err := os.Chmod(dir, 0o711); err != nil {
		return errors.Join(err, os.Remove(dir))
	}
	g.send(Reply{Dir: dir})
	g.answer(ctx, requests(in))
	return g.end()
}

type guard struct {
	dir     string
	reaper  *reaper
	server  *process
	spec    Server
	started []int // every server process so far
	defers  []Command

	sending sync.Mutex
	out     *json.Encoder
}

// send tells the test. It cannot fail in a way that matters: a test that no
// longer listens has closed the other pipe too.
func (g *guard) send(r Reply) {
	g.sending.Lock()
	defer g.sending.Unlock()
	_ = g.out.Encode(r)
}

// requests decodes in until it ends.
func requests(in io.Reader) <-chan Request {
	ch := make(chan Request)
	go func() {
		defer close(ch)
		for dec := json.NewDecoder(in); ; {
			var r Request
			if dec.Decode(&r) != nil {
				return
			}
			ch <- r
		}
	}()
	return ch
}

// answer serves requests until their end or ctx's. A request in work is given
// up when the next thing on the pipe is its end.
func (g *guard) answer(ctx context.Context, reqs <-chan Request) {
	for {
		select {
		case <-ctx.Done():
			return
		case r, ok := <-reqs:
			if !ok || !g.handle(ctx, r, reqs) {
				return
			}
		}
	}
}

// handle serves one request; false means that the test has gone.
func (g *guard) handle(ctx context.Context, r Request, reqs <-chan Request) bool {
	switch {
	case r.Run != nil:
		p, err := g.reaper.start(g.dir, *r.Run, nil)
		if err != nil {
			g.send(Reply{Error: err.Error()})
			return true
		}
		select {
		case <-p.done:
			g.send(p.reply())
		case <-ctx.Done():
			return false
		case <-reqs: // the test asks one thing at a time, so this is the end
			return false
		}
	case r.Start != nil:
		g.send(g.start(*r.Start))
	case r.Signal != 0:
		g.send(errorReply(g.reaper.signal(g.server, syscall.Signal(r.Signal))))
	case r.Defer != nil:
		g.defers = append(g.defers, *r.Defer)
		g.send(Reply{})
	default:
		g.send(Reply{Error: "empty request"})
	}
	return true
}

func errorReply(err error) Reply {
	if err != nil {
		return Reply{Error: err.Error()}
	}
	return Reply{}
}

// start starts the server and arranges for its end to be told.
func (g *guard) start(spec Server) Reply {
	if g.server != nil && !g.server.ended() {
		return Reply{Error: "the server is running"}
	}
	// What an earlier one left would hold its port and its memory.
	if err := g.reaper.killAll(); err != nil {
		return errorReply(err)
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return errorReply(err)
	}
	defer log.Close()
	p, err := g.reaper.start(g.dir, spec.Command, log)
	if err != nil {
		return errorReply(err)
	}
	g.server, g.spec = p, spec
	g.started = append(g.started, p.pid)
	go func() {
		<-p.done
		g.send(Reply{Exited: p.how()})
	}()
	return Reply{PID: p.pid}
}

// end leaves nothing behind, and goes on past what fails.
func (g *guard) end() error {
	var errs []error
	if g.server != nil {
		g.reaper.stop(g.server, syscall.Signal(g.spec.Stop), g.spec.Grace)
	}
	errs = append(errs, g.reaper.killAll())
	for _, cmd := range slices.Backward(g.defers) {
		p, err := g.reaper.start(g.dir, cmd, nil)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		<-p.done
		if err := p.err(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w: %s", cmd.Argv[0], err, p.output()))
		}
	}
	errs = append(errs, removeSharedMemory(g.started), os.RemoveAll(g.dir))
	return errors.Join(errs...)
}
