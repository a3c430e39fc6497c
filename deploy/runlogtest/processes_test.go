package runlogtest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/runlogtest"
)

const (
	faultVar = "RUNLOGTEST_FAULT"
	dirVar   = "RUNLOGTEST_DIR"
)

func TestMain(m *testing.M) {
	runlogtest.Child(func() (deploy.Log, error) { return openFaulty(os.Getenv(dirVar), os.Getenv(faultVar)) })
	os.Exit(m.Run())
}

// faulty is a log of files with a fault that only several processes show.
type faulty struct {
	deploy.Log
	dir, fault string
	kept       [][]byte
}

func openFaulty(dir, fault string) (deploy.Log, error) {
	l, err := filelog.New(dir, nil)
	return &faulty{Log: l, dir: dir, fault: fault}, err
}

func (f *faulty) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	switch f.fault {
	case "acknowledges what another got":
		err := f.meet(seq)
		if err == nil {
			err = f.Log.Append(ctx, stream, seq, rec)
		}
		if errors.Is(err, deploy.ErrConflict) {
			return nil
		}
		return err
	case "acknowledges before it stores":
		f.kept = append(f.kept, rec)
		if len(f.kept) < 20 {
			return nil
		}
	}
	return f.Log.Append(ctx, stream, seq, rec)
}

// Prune of one fault does not keep others from appending meanwhile.
func (f *faulty) Prune(ctx context.Context, stream string, before uint64) error {
	if f.fault != "loses what comes while it prunes" {
		return f.Log.(deploy.Pruner).Prune(ctx, stream, before)
	}
	name := filepath.Join(f.dir, filepath.FromSlash(stream)+".jsonl")
	was, err := os.ReadFile(name)
	for now := was; err == nil && len(now) <= len(was); {
		now, err = os.ReadFile(name)
	}
	if err == nil {
		err = os.WriteFile(name+".new", was, 0o600)
	}
	return errors.Join(err, os.Rename(name+".new", name))
}

// Read shows the process what it has not stored.
func (f *faulty) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	if len(f.kept) == 0 {
		return f.Log.Read(ctx, stream, from)
	}
	return func(yield func([]byte, error) bool) {
		n := uint64(0)
		for rec, err := range f.Log.Read(ctx, stream, 1) {
			if n++; n >= from && !yield(rec, err) {
				return
			}
		}
		for _, rec := range f.kept {
			if n++; n >= from && !yield(rec, nil) {
				return
			}
		}
	}
}

// meet holds the first record until both processes want it.
func (f *faulty) meet(seq uint64) error {
	if seq != 1 {
		return nil
	}
	name := filepath.Join(f.dir, fmt.Sprintf("met-%d", os.Getpid()))
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	for {
		met, err := filepath.Glob(filepath.Join(f.dir, "met-*"))
		if err != nil || len(met) == 2 {
			return err
		}
	}
}

func TestProcesses(t *testing.T) {
	for fault, want := range map[string]struct{ check, says string }{
		"":                                 {},
		"acknowledges what another got":    {"race", "acknowledged to two processes"},
		"acknowledges before it stores":    {"killed", "that were acknowledged are not there"},
		"loses what comes while it prunes": {"prune", ""},
	} {
		dir := t.TempDir()
		newLog := func() (deploy.Log, error) { return openFaulty(dir, "") }
		o := runlogtest.ProcessOptions{Env: []string{dirVar + "=" + dir, faultVar + "=" + fault}, Records: 24, Kills: 1}
		for _, check := range []string{"race", "killed", "prune"} {
			if want.check != "" && check != want.check {
				continue
			}
			err := runlogtest.ProveProcesses(t.Context(), check, newLog, o)
			if want.check == "" {
				require.NoError(t, err, check)
				continue
			}
			require.Error(t, err, fault)
			require.ErrorContains(t, err, want.says, fault)
		}
	}
}
