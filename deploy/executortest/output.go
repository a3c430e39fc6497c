package executortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// newGate returns readers that block, and give one line when finish is called.
func newGate() (reader func() io.Reader, finish func()) {
	open := make(chan struct{})
	reader = func() io.Reader {
		return io.MultiReader(readerFunc(func([]byte) (int, error) { <-open; return 0, io.EOF }), strings.NewReader("go\n"))
	}
	return reader, sync.OnceFunc(func() { close(open) })
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func stdin(ctx context.Context, h *host) error {
	got, err := h.ok(ctx, sh("cat; echo end"))
	if err != nil {
		return fmt.Errorf("nil Stdin: %w", err)
	}
	if got != "end\n" {
		return fmt.Errorf("nil Stdin: cat printed %q", got)
	}
	long := strings.Repeat("0123456789abcde\n", 1<<16)
	cmd := sh("cat")
	cmd.Stdin = strings.NewReader(long)
	if got, err = h.ok(ctx, cmd); err != nil {
		return fmt.Errorf("Stdin of 1 MiB: %w", err)
	}
	if got != long {
		return fmt.Errorf("Stdin of 1 MiB: %d bytes came back, or changed", len(got))
	}
	cmd = sh("exit 0")
	cmd.Stdin = strings.NewReader(long)
	if _, err = h.ok(ctx, cmd); err != nil {
		return fmt.Errorf("Stdin that the command does not read: %w", err)
	}
	reader, finish := newGate()
	defer finish()
	cmd = sh("exit 0")
	cmd.Stdin = reader()
	if _, err = h.ok(ctx, cmd); err != nil {
		return fmt.Errorf("Stdin that blocks after the command has ended: %w", err)
	}
	return nil
}

func streamsAndOrder(ctx context.Context, h *host) error {
	const n = 300
	r, err := h.run(ctx, sh(`i=0; while [ $i -lt 300 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); done`))
	if err != nil {
		return err
	}
	if r.err != nil {
		return r.err
	}
	var out, errs strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "out %d\n", i)
		fmt.Fprintf(&errs, "err %d\n", i)
	}
	return errors.Join(
		same("Stdout", r.stdout, out.String()), same("Stderr", r.stderr, errs.String()),
		same("Result.Stdout", string(r.res.Stdout), out.String()), same("Result.Stderr", string(r.res.Stderr), errs.String()),
	)
}

func same(what, got, want string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s holds %d bytes ending in %q, not %d ending in %q", what, len(got), end(got), len(want), end(want))
}

func end(s string) string { return s[max(0, len(s)-40):] }

const (
	bigBytes  = 10 << 20
	bigScript = `
(head -c 10485760 /dev/zero | tr '\0' e >&2; echo end >&2) &
head -c 10485760 /dev/zero | tr '\0' o; echo end
wait`
)

// bigOutput fills both streams at once.
func bigOutput(ctx context.Context, h *host) error {
	var busy atomic.Int32
	var overlap atomic.Bool
	out, errs := &meter{busy: &busy, overlap: &overlap}, &meter{busy: &busy, overlap: &overlap}
	cmd := sh(bigScript)
	cmd.Stdout, cmd.Stderr = out, errs
	r, err := h.run(ctx, cmd)
	if err != nil {
		return err
	}
	if r.err != nil {
		return r.err
	}
	var bad []error
	if want := int64(bigBytes + len("end\n")); out.n.Load() != want || errs.n.Load() != want {
		bad = append(bad, fmt.Errorf("%d and %d bytes of output arrived, not %d each", out.n.Load(), errs.n.Load(), want))
	}
	if overlap.Load() {
		bad = append(bad, errors.New("Stdout and Stderr were written at the same time"))
	}
	bad = append(bad, same("Result.Stdout", string(r.res.Stdout), tailOf("o")), same("Result.Stderr", string(r.res.Stderr), tailOf("e")))
	return errors.Join(bad...)
}

func tailOf(letter string) string { return strings.Repeat(letter, 64<<10-len("end\n")) + "end\n" }

// meter counts bytes and notices calls that overlap.
type meter struct {
	n       atomic.Int64
	busy    *atomic.Int32
	overlap *atomic.Bool
}

func (m *meter) Write(p []byte) (int, error) {
	if m.busy.Add(1) > 1 {
		m.overlap.Store(true)
	}
	runtime.Gosched()
	m.n.Add(int64(len(p)))
	m.busy.Add(-1)
	return len(p), nil
}

// streaming runs a command that waits for an answer to its output.
func streaming(ctx context.Context, h *host) error {
	reader, finish := newGate()
	defer finish()
	var out, errs buffer
	cmd := sh(`echo question; echo problem >&2; read -r x; echo "got $x"`)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = reader(), &out, &errs
	done := h.begin(ctx, cmd)
	_, outErr := out.lines(1, h.limit)
	_, errErr := errs.lines(1, h.limit)
	finish()
	r, err := h.wait(done, cmd)
	if err == nil {
		err = r.err
	}
	if err == nil {
		err = same("Stdout", out.String(), "question\ngot go\n")
	}
	return errors.Join(outErr, errErr, err)
}

func nilWriters(ctx context.Context, h *host) error {
	cmd := sh("echo out; echo err >&2; exit 4")
	r, err := h.wait(h.begin(ctx, cmd), cmd)
	if err != nil {
		return err
	}
	return errors.Join(wantExitError(r.err, "/bin/sh", 4, ""),
		same("Result.Stdout", string(r.res.Stdout), "out\n"), same("Result.Stderr", string(r.res.Stderr), "err\n"))
}

// tails wants the end of the standard error in the ExitError, in whole
// characters.
func tails(ctx context.Context, h *host) error {
	r, err := h.run(ctx, sh(`i=0; while [ $i -lt 1000 ]; do echo "éé $i" >&2; i=$((i+1)); done; echo 'the reason' >&2; exit 1`))
	if err != nil {
		return err
	}
	e, ok := exitError(r.err)
	switch {
	case !ok:
		return fmt.Errorf("exit 1: Run returned %v, not an ExitError", r.err)
	case len(e.Stderr) > 1<<10:
		return fmt.Errorf("ExitError.Stderr has %d bytes, more than 1024", len(e.Stderr))
	case !strings.HasSuffix(strings.TrimSpace(e.Stderr), "the reason"):
		return fmt.Errorf("ExitError.Stderr ends in %q, not in the last line", end(e.Stderr))
	case !utf8.ValidString(e.Stderr):
		return fmt.Errorf("ExitError.Stderr is cut inside a character")
	}
	return nil
}

var errWriter = errors.New("executortest: this Writer fails")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errWriter }

// failingWriter wants the command to run to its end all the same.
func failingWriter(ctx context.Context, h *host) error {
	cmd := sh(`head -c 1048576 /dev/zero | tr '\0' o; echo; echo complete >&2; echo last`)
	cmd.Stdout = failing{}
	r, err := h.run(ctx, cmd)
	if err != nil {
		return err
	}
	var bad []error
	if !errors.Is(r.err, errWriter) {
		bad = append(bad, fmt.Errorf("a Writer failed and Run returned %v", r.err))
	}
	if r.res.Exit != 0 || r.res.Signal != "" {
		bad = append(bad, fmt.Errorf("a Writer failed and the command ended with %d, signal %q", r.res.Exit, r.res.Signal))
	}
	if !strings.HasSuffix(string(r.res.Stdout), "\nlast\n") {
		bad = append(bad, fmt.Errorf("a Writer failed and Result.Stdout ends in %q", end(string(r.res.Stdout))))
	}
	return errors.Join(append(bad, same("Stderr", r.stderr, "complete\n"))...)
}
