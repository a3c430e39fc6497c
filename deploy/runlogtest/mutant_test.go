package runlogtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlogtest"
)

var goodName = regexp.MustCompile(`^[a-z0-9._-]+(/[a-z0-9._-]+)*$`)

// memory is a correct log that keeps nothing, and the faults it can have.
type memory struct {
	fault   string
	mu      sync.Mutex
	streams map[string][][]byte
	readers int // that did not come to the end
}

func (m *memory) is(fault string) bool { return m.fault == fault }

func (m *memory) check(ctx context.Context, stream string) error {
	if err := context.Cause(ctx); err != nil {
		if m.is("ended context ignored") {
			return nil
		}
		if m.is("cause of the context lost") {
			return ctx.Err()
		}
		return err
	}
	dots := slices.ContainsFunc(strings.Split(stream, "/"), func(p string) bool { return p == "." || p == ".." })
	if m.is("any name") || goodName.MatchString(stream) && (!dots || m.is("dots in names")) {
		return nil
	}
	return fmt.Errorf("stream %q: bad name", stream)
}

func (m *memory) key(stream string) string {
	if m.is("names cut at a dot") {
		stream, _, _ = strings.Cut(stream, ".")
	}
	if m.is("slash and dash alike") {
		stream = strings.ReplaceAll(stream, "-", "/")
	}
	return stream
}

func (m *memory) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	err := m.check(ctx, stream)
	if err != nil {
		return err
	}
	stream = m.key(stream)
	m.mu.Lock()
	n := uint64(len(m.streams[stream]))
	defer m.mu.Unlock()
	if m.is("held up by a reader that left") && m.readers > 0 {
		return errors.New("a reader holds the stream")
	}
	if m.is("loser is told that it won") && seq == n {
		return nil
	}
	wrong := seq != n+1
	switch m.fault {
	case "gap accepted":
		wrong = seq <= n
	case "overwrites":
		wrong = seq > n+1 || seq == 0
	case "number 0 accepted":
		wrong = wrong && seq != 0
	case "repetition accepted":
		if seq == n && n > 0 && bytes.Equal(rec, m.streams[stream][n-1]) {
			return nil
		}
	}
	if wrong {
		if m.is("refused and yet kept") {
			m.streams[stream] = append(m.streams[stream], bytes.Clone(rec))
		}
		if m.is("conflict not told") {
			return errors.New("no")
		}
		return fmt.Errorf("record %d of %d: %w", seq, n, deploy.ErrConflict)
	}
	if m.is("small records only") && len(rec) > 1<<16 {
		return errors.New("record is too big")
	}
	if !m.is("keeps the caller's bytes") {
		rec = bytes.Clone(rec)
	}
	if m.is("trims spaces") {
		rec = bytes.TrimSpace(rec)
	}
	if m.is("overwrites") && seq <= n {
		m.streams[stream][seq-1] = rec
		return nil
	}
	m.streams[stream] = append(m.streams[stream], rec)
	return nil
}

func (m *memory) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := m.check(ctx, stream); err != nil {
			yield(nil, err)
			return
		}
		stream = m.key(stream)
		m.mu.Lock()
		recs := slices.Clone(m.streams[stream])
		m.readers++
		m.mu.Unlock()
		if m.is("missing stream is an error") && recs == nil {
			yield(nil, errors.New("no such stream"))
			return
		}
		if m.is("numbers from 0") {
			from++
		}
		if m.is("reads from the beginning") {
			from = 1
		}
		if m.is("last record comes late") && len(recs) > 0 && uint64(len(recs)) == from {
			return
		}
		var same []byte
		for i, rec := range recs {
			if uint64(i+1) < from {
				continue
			}
			if m.is("one buffer for all") {
				same = append(same[:0], rec...)
				rec = same
			} else if !m.is("gives its own bytes away") {
				rec = bytes.Clone(rec)
			}
			if !yield(rec, nil) {
				return
			}
		}
		m.mu.Lock()
		m.readers--
		m.mu.Unlock()
	}
}

func newMemory(fault string) func() (deploy.Log, error) {
	return func() (deploy.Log, error) {
		return &memory{fault: fault, streams: map[string][][]byte{}}, nil
	}
}

func TestCorrectLogPasses(t *testing.T) { runlogtest.Run(t, newMemory("")) }

func TestKitFailsOnBrokenLogs(t *testing.T) {
	faults := map[string]string{ // fault to the check that must notice it
		"missing stream is an error":    "empty stream",
		"numbers from 0":                "order",
		"reads from the beginning":      "order",
		"last record comes late":        "order",
		"trims spaces":                  "bytes",
		"small records only":            "sizes",
		"gap accepted":                  "conflict",
		"overwrites":                    "conflict",
		"number 0 accepted":             "conflict",
		"repetition accepted":           "conflict",
		"refused and yet kept":          "conflict",
		"conflict not told":             "conflict",
		"loser is told that it won":     "race",
		"held up by a reader that left": "stop early",
		"names cut at a dot":            "streams",
		"slash and dash alike":          "streams",
		"keeps the caller's bytes":      "ownership",
		"gives its own bytes away":      "ownership",
		"one buffer for all":            "ownership",
		"ended context ignored":         "context",
		"cause of the context lost":     "context",
		"any name":                      "names",
		"dots in names":                 "names",
	}
	noticed := map[string]bool{}
	for fault, check := range faults {
		t.Run(fault, func(t *testing.T) {
			require.Error(t, runlogtest.Prove(t.Context(), check, newMemory(fault)))
			noticed[check] = true
		})
	}
	all, _ := runlogtest.Checks()
	for _, check := range all {
		require.True(t, noticed[check], "no fault is noticed by check %q", check)
	}
}

func TestKitFailsWithoutALog(t *testing.T) {
	broken := errors.New("no storage")
	err := runlogtest.Prove(t.Context(), "order", func() (deploy.Log, error) { return nil, broken })
	require.ErrorIs(t, err, broken)
}
