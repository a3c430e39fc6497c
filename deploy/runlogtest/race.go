package runlogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/masaruk/devops/deploy"
)

// racers and laps say how many goroutines race for how many records.
const racers, laps = 8, 12

// race lets goroutines try for each number at the same time, while others
// read.
func race(ctx context.Context, l *log) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream := l.stream("a")
	readers := watch(ctx, l, stream)
	var winners [][]byte
	for seq := 1; seq <= laps; seq++ {
		won, err := lap(ctx, l, stream, seq)
		if err != nil {
			return errors.Join(err, readers.stop())
		}
		winners = append(winners, won)
	}
	if err := readers.stop(); err != nil {
		return err
	}
	if err := l.expect(ctx, stream, winners...); err != nil {
		return fmt.Errorf("after a race, compared with those that won: %w", err)
	}
	return nil
}

// lap returns the record of the one goroutine that got the number.
func lap(ctx context.Context, l *log, stream string, seq int) ([]byte, error) {
	results := make([]error, racers)
	recs := make([][]byte, racers)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range racers {
		recs[i] = fmt.Appendf(nil, `{"seq":%d,"racer":%d}`, seq, i)
		done.Go(func() {
			start.Wait()
			results[i] = l.Append(ctx, stream, uint64(seq), recs[i])
		})
	}
	start.Done()
	done.Wait()
	var won []byte
	for i, err := range results {
		switch {
		case err == nil && won != nil:
			return nil, fmt.Errorf("record %d was appended twice, as %s and %s", seq, won, recs[i])
		case err == nil:
			won = recs[i]
		case !errors.Is(err, deploy.ErrConflict):
			return nil, fmt.Errorf("record %d: who lost the race got an error that does not wrap ErrConflict: %w", seq, err)
		}
	}
	if won == nil {
		return nil, fmt.Errorf("record %d: nobody won the race", seq)
	}
	return won, nil
}

// watcher reads a stream over and over.
type watcher struct {
	quit chan struct{}
	done chan error
}

func watch(ctx context.Context, l *log, stream string) *watcher {
	w := &watcher{make(chan struct{}), make(chan error, 1)}
	go func() {
		var last [][]byte
		for {
			recs, err := l.read(ctx, stream, 1)
			if err == nil {
				err = extends(last, recs)
			}
			if err != nil {
				w.done <- fmt.Errorf("read during a race: %w", err)
				return
			}
			last = recs
			select {
			case <-w.quit:
				w.done <- nil
				return
			default:
			}
		}
	}()
	return w
}

// extends tells whether now is last with more records behind.
func extends(last, now [][]byte) error {
	if len(now) < len(last) {
		return fmt.Errorf("the stream had %d records and has %d now", len(last), len(now))
	}
	for i := range last {
		if string(last[i]) != string(now[i]) {
			return fmt.Errorf("record %d changed from %s to %s", i+1, short(last[i]), short(now[i]))
		}
	}
	for i, rec := range now {
		var seq, racer int
		if _, err := fmt.Sscanf(string(rec), `{"seq":%d,"racer":%d}`, &seq, &racer); err != nil || seq != i+1 {
			return fmt.Errorf("record %d is %s", i+1, short(rec))
		}
	}
	return nil
}

func (w *watcher) stop() error {
	close(w.quit)
	return <-w.done
}
