package execlog

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"path"
	"strconv"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// Options are the options of [New]. There are none yet; nil is fine.
type Options struct{}

// Log keeps streams in a directory of a host. It is safe for concurrent use,
// also by other processes on any machine.
type Log struct {
	ex  deploy.Executor
	dir string
}

var _ deploy.Pruner = (*Log)(nil)

// New returns the log in dir, an absolute path on the host of ex. Dir need not
// exist, the directory above it must. It does no I/O.
func New(ex deploy.Executor, dir string, _ *Options) (*Log, error) {
	if ex == nil {
		return nil, &Error{Op: "open", Err: errors.New("there is no Executor; give one")}
	}
	if !path.IsAbs(dir) || path.Clean(dir) == "/" {
		return nil, &Error{Op: "open", Err: fmt.Errorf("directory %q is not an absolute path below the root; give one", dir)}
	}
	return &Log{ex, path.Clean(dir)}, nil
}

// records is the directory of a stream's records. No element of a stream's
// name has "@".
func (l *Log) records(stream string) string { return l.dir + "/" + stream + "/@" }

// command runs a script.
func command(script string, args ...string) deploy.Command {
	return deploy.Command{
		Argv: append([]string{"/bin/sh", "-c", script, "execlog"}, args...),
		Dir:  "/",
		Env:  map[string]string{"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"},
	}
}

// Append adds rec as record number seq. See [deploy.Log].
func (l *Log) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	err := deploy.CheckStream(stream)
	if err == nil {
		err = deploy.CheckRecord(rec)
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = l.append(ctx, stream, seq, rec)
	}
	if err != nil {
		return &Error{Op: "append to", Stream: stream, Seq: seq, Err: err}
	}
	return nil
}

func (l *Log) append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if seq > math.MaxInt64 {
		return fmt.Errorf("no stream is that long: %w", deploy.ErrConflict)
	}
	line := append(append(make([]byte, 0, len(rec)+1), rec...), '\n')
	cmd := command(appendScript, l.dir, l.records(stream), strconv.FormatUint(seq, 10), strconv.Itoa(len(line)), "tmp-"+rand.Text())
	cmd.Stdin = bytes.NewReader(line)
	res, err := l.ex.Run(ctx, cmd)
	if err != nil {
		return explain(ctx, err)
	}
	answer := strings.TrimSuffix(string(res.Stdout), "\n")
	if answer == "ok" {
		return nil
	}
	count, found := strings.CutPrefix(answer, "conflict ")
	if !found {
		return fmt.Errorf("the host answers %.80q", answer)
	}
	return fmt.Errorf("the stream holds %.20s records: %w", count, deploy.ErrConflict)
}

var errStopped = errors.New("the reader stopped")

// Read yields the records from number from. See [deploy.Log].
func (l *Log) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		next := max(from, 1)
		err := deploy.CheckStream(stream)
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil && next <= math.MaxInt64 {
			err = l.read(ctx, stream, &next, yield)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, &Error{Op: "read", Stream: stream, Seq: next, Err: err})
		}
	}
}

// Prune removes the records before number before. See [deploy.Pruner].
func (l *Log) Prune(ctx context.Context, stream string, before uint64) error {
	err := deploy.CheckStream(stream)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil && before > 1 {
		err = l.prune(ctx, stream, before)
	}
	if err != nil {
		return &Error{Op: "prune", Stream: stream, Seq: before, Err: err}
	}
	return nil
}

func (l *Log) prune(ctx context.Context, stream string, before uint64) error {
	if before > math.MaxInt64 {
		return errors.New("no stream is that long")
	}
	res, err := l.ex.Run(ctx, command(pruneScript, l.records(stream), strconv.FormatUint(before, 10)))
	if err != nil {
		return explain(ctx, err)
	}
	answer := strings.TrimSuffix(string(res.Stdout), "\n")
	if answer == "ok" {
		return nil
	}
	if end, found := strings.CutPrefix(answer, "absent "); found {
		return fmt.Errorf("the stream ends at record %.20s, and the last one stays", end)
	}
	return fmt.Errorf("the host answers %.80q", answer)
}

// read yields records while the host sends them, and moves next on. It returns
// errStopped when yield wants no more.
func (l *Log) read(ctx context.Context, stream string, next *uint64, yield func([]byte, error) bool) error {
	running, cancel := context.WithCancelCause(ctx)
	cmd := command(readScript, l.records(stream), strconv.FormatUint(*next, 10))
	cmd.ReadOnly = true
	out, in := io.Pipe()
	cmd.Stdout = in
	var runErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, runErr = l.ex.Run(running, cmd)
		_ = in.Close()
	}()
	stop := func() {
		cancel(errStopped)
		_ = out.Close()
		<-done
	}
	defer stop() // also where yield panics
	a := &answer{lines: bufio.NewReader(out)}
	for {
		seq, rec, err := a.next()
		switch {
		case errors.Is(err, io.EOF): // it ended too early
			<-done
			return explain(ctx, errors.Join(runErr, errCut))
		case err != nil:
			return err
		case rec == nil && seq != 0: // it has begun
			*next = seq
			continue
		case rec == nil: // it is complete
			_, _ = io.Copy(io.Discard, a.lines) // nothing comes
			<-done
			if runErr != nil {
				return explain(ctx, runErr)
			}
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !yield(rec, nil):
			return errStopped
		}
		*next++
	}
}
