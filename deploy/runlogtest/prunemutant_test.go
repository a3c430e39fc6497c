package runlogtest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlogtest"
)

// shelf is a correct Pruner in memory, and the faults that one can have. A
// record that was pruned is nil.
type shelf struct {
	memory
	fault string
	began int // reads of the whole stream
	ended int // the last of them that came to its end
}

func newShelf(fault string) func() (deploy.Log, error) {
	return func() (deploy.Log, error) {
		return &shelf{memory: memory{streams: map[string][][]byte{}}, fault: fault}, nil
	}
}

func (s *shelf) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if err := s.check(ctx, stream); err != nil {
		return err
	}
	s.mu.Lock()
	recs := s.streams[stream]
	stale := s.fault == "a number that was pruned can be had again" && seq > 0 && seq < uint64(len(recs)) && recs[seq-1] == nil
	again := s.fault == "numbers begin again" && len(recs) > 0 && recs[0] == nil && seq == 1
	s.mu.Unlock()
	if stale || again {
		return nil
	}
	return s.memory.Append(ctx, stream, seq, rec)
}

func (s *shelf) Prune(ctx context.Context, stream string, before uint64) error {
	if err := s.check(ctx, stream); err != nil && s.fault != "ended context or bad name ignored" {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	recs := s.streams[stream]
	most := uint64(len(recs))
	if s.fault == "the last may go" {
		most++
	}
	switch {
	case before <= 1:
		return nil
	case before > most:
		return errors.New("the last one stays")
	case s.fault == "not again" && recs[0] == nil:
		return errors.New("pruned before")
	case s.fault == "one too many":
		before = min(before+1, most)
	case s.fault == "one too few":
		before--
	case s.fault == "another stream too":
		for name, other := range s.streams {
			if strings.HasPrefix(name, stream) && len(other) > 0 && name != stream {
				other[0] = nil
			}
		}
	case s.fault == "the newest first":
		recs[before-2] = nil
		s.letRead()
	}
	clear(recs[:before-1])
	return nil
}

// letRead waits until somebody has read the stream, unless nobody does.
func (s *shelf) letRead() {
	began := s.began
	for range 100_000 {
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
		if s.ended > began {
			return
		}
	}
}

func (s *shelf) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := s.check(ctx, stream); err != nil {
			yield(nil, err)
			return
		}
		begun, last := false, uint64(0)
		defer s.count(from)()
		for n := max(from, 1); ; n++ {
			s.mu.Lock()
			recs := s.streams[stream]
			var rec []byte
			if n <= uint64(len(recs)) {
				rec = append(rec, recs[n-1]...)
			}
			s.mu.Unlock()
			switch {
			case n > uint64(len(recs)):
				return
			case len(rec) > 0 && begun && last+1 != n && s.fault == "", len(rec) == 0 && begun && s.fault == "":
				yield(nil, fmt.Errorf("record %d: %w", last+1, deploy.ErrPruned))
				return
			case len(rec) == 0 && s.fault == "nothing from what was pruned":
				return
			case len(rec) == 0:
				continue
			case !yield(rec, nil):
				return
			}
			begun, last = true, n
		}
	}
}

// count counts a read, and what it returns counts its end.
func (s *shelf) count(from uint64) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from == 1 {
		s.began++
	}
	n := s.began
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = max(s.ended, n)
	}
}

func TestCorrectPrunerPasses(t *testing.T) { runlogtest.Run(t, newShelf("")) }

func TestKitFailsOnBrokenPruners(t *testing.T) {
	faults := map[string]string{ // fault to the check that must notice it
		"a number that was pruned can be had again": "prune",
		"numbers begin again":                       "prune",
		"one too many":                              "prune",
		"one too few":                               "prune",
		"not again":                                 "prune",
		"another stream too":                        "prune",
		"nothing from what was pruned":              "prune",
		"the last may go":                           "prune refused",
		"ended context or bad name ignored":         "prune refused",
		"a reader skips":                            "prune while read",
		"the newest first":                          "prune race",
	}
	noticed := map[string]bool{}
	for fault, check := range faults {
		t.Run(fault, func(t *testing.T) {
			require.NoError(t, runlogtest.Prove(t.Context(), check, newShelf("")))
			require.Error(t, runlogtest.Prove(t.Context(), check, newShelf(fault)))
			noticed[check] = true
		})
	}
	_, pruner := runlogtest.Checks()
	for _, check := range pruner {
		require.True(t, noticed[check], "no fault is noticed by check %q", check)
	}
}
