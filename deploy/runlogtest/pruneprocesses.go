package runlogtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"

	"github.com/masaruk/devops/deploy"
)

// stays is how many records the process that prunes leaves, besides the last.
const stays = 2

// pruningChild prunes a stream that grows, until it is killed, and prints the
// number of each record that it made the first.
func pruningChild(newLog func() (deploy.Log, error), stream string) error {
	l, _, err := openChild(newLog)
	if err != nil {
		return err
	}
	for {
		first, last, err := extent(context.Background(), l, stream, nil)
		if err != nil {
			return err
		}
		if last-stays <= max(first, 1) {
			continue
		}
		if err := l.(deploy.Pruner).Prune(context.Background(), stream, uint64(last-stays)); err != nil {
			return err
		}
		if _, err := fmt.Println(last - stays); err != nil {
			return err
		}
	}
}

// extent reads the stream of a child, of which the beginning may be missing,
// and tells its first and last number, 0 where it is empty. It hands each
// record to see, which may be nil.
func extent(ctx context.Context, l deploy.Log, stream string, see func(appended) error) (first, last int, err error) {
	for rec, err := range l.Read(ctx, stream, 1) {
		if errors.Is(err, deploy.ErrTorn) {
			break
		}
		if errors.Is(err, deploy.ErrPruned) {
			return extent(ctx, l, stream, see)
		}
		if err != nil {
			return 0, 0, err
		}
		var got appended
		if err := json.Unmarshal(rec, &got); err != nil {
			return 0, 0, err
		}
		if first == 0 {
			first = got.N
		} else if got.N != last+1 {
			return 0, 0, fmt.Errorf("record %d comes after record %d, in a stream that begins with number %d", got.N, last, first)
		}
		last = got.N
		if see == nil {
			continue
		}
		if err := see(got); err != nil {
			return 0, 0, err
		}
	}
	return first, last, nil
}

// prunedProcesses lets one process append and kills others that prune, while
// this one reads.
func prunedProcesses(ctx context.Context, newLog func() (deploy.Log, error), o ProcessOptions, seed uint64) error {
	stream, told := newStream(), map[int]int{}
	rng := mathrand.New(mathrand.NewPCG(seed, 1))
	appender, err := start(ctx, stream, endless, o.Env)
	if err != nil {
		return err
	}
	defer appender.end()
	if err := appender.in.Close(); err != nil {
		return err
	}
	racing, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		err := appender.listen(told, -1)
		stop(fmt.Errorf("the process that appends has ended: %w", cmp.Or(err, io.EOF)))
	}()
	l, err := newLog()
	if err != nil {
		return fmt.Errorf("new log: %w", err)
	}
	begins := 0
	for range o.Kills {
		pruned, err := pruneAndKill(racing, stream, o, 1+rng.IntN(3))
		if err != nil && racing.Err() != nil {
			err = context.Cause(racing)
		}
		if err != nil {
			return err
		}
		first, _, err := extent(racing, l, stream, nil)
		switch {
		case racing.Err() != nil:
			return context.Cause(racing)
		case err != nil:
			return fmt.Errorf("read while others append and prune: %w", err)
		case first < max(begins, pruned):
			return fmt.Errorf("the stream begins with record %d again after it began with %d", first, max(begins, pruned))
		}
		begins = first
	}
	if err := appender.cmd.Process.Kill(); err != nil {
		return err
	}
	<-listened
	return compareFrom(ctx, l, stream, told)
}

// pruneAndKill starts a process that prunes and kills it behind so many. It
// returns the last number that was told to be the first.
func pruneAndKill(ctx context.Context, stream string, o ProcessOptions, after int) (first int, err error) {
	p, err := start(ctx, stream, endless, append([]string{rolePrune + "=1"}, o.Env...))
	if err != nil {
		return 0, err
	}
	defer p.end()
	if err := p.in.Close(); err != nil {
		return 0, err
	}
	for range after {
		n, err := p.next()
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, fmt.Errorf("a process that prunes ended: %w", p.cmd.Wait())
		}
		first = n
	}
	return first, p.cmd.Process.Kill()
}

// compareFrom compares what a process was told with what is there of it. It
// was not told of the last record where it was killed before.
func compareFrom(ctx context.Context, l deploy.Log, stream string, told map[int]int) error {
	first, last, err := extent(ctx, l, stream, func(got appended) error {
		if pid := told[got.N]; pid != got.PID && (pid != 0 || got.N != len(told)+1) {
			return fmt.Errorf("record %d is of process %d and was acknowledged to %d", got.N, got.PID, told[got.N])
		}
		return nil
	})
	if err != nil {
		return err
	}
	if last < len(told) {
		return fmt.Errorf("%d records were acknowledged, those from %d to %d are there", len(told), first, last)
	}
	return nil
}
