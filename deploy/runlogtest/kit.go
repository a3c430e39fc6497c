package runlogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/masaruk/devops/deploy"
)

// Run proves the logs that newLog makes, each check in a subtest with a log of
// its own; they may share storage. It reports what a log does wrong, and goes
// on with the next check. One that is a [deploy.Pruner] has to prove that too.
func Run(t *testing.T, newLog func() (deploy.Log, error)) {
	t.Helper()
	all := checks()
	if prunes(t, newLog) {
		all = append(all, pruneChecks()...)
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			if err := c.prove(t.Context(), newLog); err != nil {
				t.Error(err)
			}
		})
	}
}

// prunes tells whether the logs are Pruners.
func prunes(t *testing.T, newLog func() (deploy.Log, error)) bool {
	t.Helper()
	l, err := newLog()
	if err != nil {
		t.Fatalf("new log: %v", err)
	}
	_, ok := l.(deploy.Pruner)
	return ok
}

// check is one promise of the contract.
type check struct {
	name string
	run  func(ctx context.Context, l *log) error
}

func (c check) prove(ctx context.Context, newLog func() (deploy.Log, error)) error {
	l, err := newLog()
	if err != nil {
		return fmt.Errorf("new log: %w", err)
	}
	return c.run(ctx, &log{l, newStream()})
}

func checks() []check {
	return []check{
		{"empty stream", emptyStream},
		{"order", order},
		{"bytes", exactBytes},
		{"sizes", sizes},
		{"conflict", conflict},
		{"race", race},
		{"streams", streams},
		{"ownership", ownership},
		{"context", endedContext},
		{"stop early", stopEarly},
		{"names", names},
	}
}

func pruneChecks() []check {
	return []check{
		{"prune", prune},
		{"prune refused", pruneRefused},
		{"prune while read", pruneWhileRead},
		{"prune race", pruneRace},
	}
}

// log is the log under test and the beginning of its streams' names.
type log struct {
	deploy.Log
	prefix string
}

func (l *log) stream(name string) string { return l.prefix + "/" + name }

// append appends records after the first n of the stream.
func (l *log) append(ctx context.Context, stream string, n int, recs ...[]byte) error {
	for i, rec := range recs {
		if err := l.Append(ctx, stream, uint64(n+i+1), rec); err != nil {
			return fmt.Errorf("append record %d to a stream that holds %d: %w", n+i+1, n+i, err)
		}
	}
	return nil
}

// read reads the stream to its end.
func (l *log) read(ctx context.Context, stream string, from int) ([][]byte, error) {
	var recs [][]byte
	for rec, err := range l.Read(ctx, stream, uint64(from)) {
		if err != nil {
			return recs, err
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

// expect tells whether the stream holds exactly the records.
func (l *log) expect(ctx context.Context, stream string, want ...[]byte) error {
	return l.expectFrom(ctx, stream, 1, want...)
}

func (l *log) expectFrom(ctx context.Context, stream string, from int, want ...[]byte) error {
	got, err := l.read(ctx, stream, from)
	if err != nil {
		return fmt.Errorf("read from record %d: %w", from, err)
	}
	if len(got) != len(want) {
		return fmt.Errorf("read from record %d yields %d records, want %d", from, len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			return fmt.Errorf("record %d is %s, want %s", from+i, short(got[i]), short(want[i]))
		}
	}
	return nil
}

// record is a record with a number in it.
func record(n int) []byte { return fmt.Appendf(nil, `{"n":%d}`, n) }

// sized is a record of so many bytes, at least 2.
func sized(n int) []byte {
	return []byte(`"` + strings.Repeat("x", n-2) + `"`)
}

func short(rec []byte) string {
	if len(rec) <= 60 {
		return fmt.Sprintf("%q", rec)
	}
	return fmt.Sprintf("%q... (%d bytes)", rec[:60], len(rec))
}

// wantConflict tells whether err is what a lost race gets.
func wantConflict(what string, err error) error {
	if err == nil {
		return fmt.Errorf("%s was accepted", what)
	}
	if !errors.Is(err, deploy.ErrConflict) {
		return fmt.Errorf("%s: error does not wrap ErrConflict: %w", what, err)
	}
	return nil
}
