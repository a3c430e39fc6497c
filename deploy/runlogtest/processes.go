package runlogtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/masaruk/devops/deploy"
)

// The environment of the processes that RunProcesses starts.
const (
	streamVar = "RUNLOGTEST_STREAM"
	countVar  = "RUNLOGTEST_COUNT"
	rolePrune = "RUNLOGTEST_PRUNE" // set in one that prunes
)

// endless is more records than a process appends before it is killed.
const endless = 1_000_000

// ProcessOptions are the options of [RunProcesses].
type ProcessOptions struct {
	// Env is added to the environment of the processes, for their newLog to
	// find the storage.
	Env []string
	// Records is how many the race is about; zero is 24.
	Records int
	// Kills is how many processes are killed; zero is 5.
	Kills int
}

// RunProcesses proves what [Run] cannot: of two processes that race for a
// number exactly one gets it, and what a process was told to be stored is
// there after it was killed, once, and others go on behind it. Of a
// [deploy.Pruner] also that one process can append, one read, and one prune,
// which is killed again and again, and nothing but what was pruned is missing.
// The processes are the test program itself, whose TestMain calls [Child].
func RunProcesses(t *testing.T, newLog func() (deploy.Log, error), opts *ProcessOptions) {
	t.Helper()
	o := ProcessOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Records == 0 {
		o.Records = 24
	}
	if o.Kills == 0 {
		o.Kills = 5
	}
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	all := processChecks()
	if prunes(t, newLog) {
		all["prune"] = prunedProcesses
	}
	for name, prove := range all {
		t.Run(name, func(t *testing.T) {
			if err := prove(t.Context(), newLog, o, seed); err != nil {
				t.Error(err)
			}
		})
	}
}

// processCheck proves one promise; the seed says when processes are killed.
type processCheck func(ctx context.Context, newLog func() (deploy.Log, error), o ProcessOptions, seed uint64) error

func processChecks() map[string]processCheck {
	return map[string]processCheck{"race": raceOfProcesses, "killed": killedProcesses}
}

// Child does nothing in a program that [RunProcesses] did not start. In one
// that it did, it appends to the log and does not return. Call it first in
// TestMain.
func Child(newLog func() (deploy.Log, error)) {
	stream := os.Getenv(streamVar)
	if stream == "" {
		return
	}
	act := child
	if os.Getenv(rolePrune) != "" {
		act = pruningChild
	}
	if err := act(newLog, stream); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// appended is a record of a child.
type appended struct {
	N    int    `json:"n"`
	PID  int    `json:"pid"`
	Text string `json:"text"`
}

// maxRefused is how often a child tries for numbers before it gets one.
const maxRefused = 10_000

// openChild returns the log, and how many records it is about, once the parent
// lets the child go on.
func openChild(newLog func() (deploy.Log, error)) (deploy.Log, int, error) {
	count, err := strconv.Atoi(os.Getenv(countVar))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", countVar, err)
	}
	l, err := newLog()
	if err != nil {
		return nil, 0, fmt.Errorf("new log: %w", err)
	}
	if _, err := fmt.Println("ready"); err != nil {
		return nil, 0, err
	}
	_, err = io.ReadAll(os.Stdin) // until all are ready
	return l, count, err
}

// child appends until the stream has as many records as it was told, and
// prints the number of each that it got.
func child(newLog func() (deploy.Log, error), stream string) error {
	l, count, err := openChild(newLog)
	if err != nil {
		return err
	}
	for next, refused := 1, 0; ; {
		for _, err := range l.Read(context.Background(), stream, uint64(next)) {
			if errors.Is(err, deploy.ErrTorn) {
				break
			}
			if err != nil {
				return fmt.Errorf("read: %w", err)
			}
			next++
		}
		if next > count {
			return nil
		}
		rec, err := json.Marshal(appended{next, os.Getpid(), strings.Repeat("x", 3000)})
		if err != nil {
			return err
		}
		err = l.Append(context.Background(), stream, uint64(next), rec)
		if errors.Is(err, deploy.ErrConflict) && refused < maxRefused {
			refused++
			continue
		}
		if err != nil {
			return fmt.Errorf("append record %d: %w", next, err)
		}
		refused = 0
		if _, err := fmt.Println(next); err != nil {
			return err
		}
	}
}

// process is a child that is ready and goes on when in is closed.
type process struct {
	cmd *exec.Cmd
	out *bufio.Scanner
	in  io.Closer
}

func start(ctx context.Context, stream string, count int, env []string) (*process, error) {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), env...), streamVar+"="+stream, countVar+"="+strconv.Itoa(count))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, bufio.NewScanner(out), in}
	if !p.out.Scan() || p.out.Text() != "ready" {
		return nil, errors.Join(fmt.Errorf("the process said %q and not that it is ready; does TestMain call runlogtest.Child?", p.out.Text()), p.end())
	}
	return p, nil
}

// end kills the process and waits for it.
func (p *process) end() error {
	_ = p.cmd.Process.Kill() // it may have ended
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// next returns the number of the next record that the process was told to be
// stored, 0 when it has ended.
func (p *process) next() (int, error) {
	if !p.out.Scan() {
		return 0, p.out.Err()
	}
	return strconv.Atoi(p.out.Text())
}

// raceOfProcesses compares what two processes were told with what is there.
func raceOfProcesses(ctx context.Context, newLog func() (deploy.Log, error), o ProcessOptions, _ uint64) error {
	stream, told := newStream(), map[int]int{}
	var racers []*process
	for range 2 {
		p, err := start(ctx, stream, o.Records, o.Env)
		if err != nil {
			return err
		}
		defer p.end()
		racers = append(racers, p)
	}
	for _, p := range racers {
		if err := p.in.Close(); err != nil {
			return err
		}
	}
	for _, p := range racers {
		if err := p.listen(told, -1); err != nil {
			return err
		}
		if err := p.cmd.Wait(); err != nil {
			return fmt.Errorf("a process that raced: %w", err)
		}
	}
	if len(told) != o.Records {
		return fmt.Errorf("%d records were acknowledged, want %d", len(told), o.Records)
	}
	return compare(ctx, newLog, stream, told)
}

// killedProcesses kills one process after another in the middle of appends.
func killedProcesses(ctx context.Context, newLog func() (deploy.Log, error), o ProcessOptions, seed uint64) error {
	stream, told := newStream(), map[int]int{}
	rng := mathrand.New(mathrand.NewPCG(seed, 0))
	for range o.Kills {
		p, err := start(ctx, stream, endless, o.Env)
		if err != nil {
			return err
		}
		defer p.end()
		if err := p.in.Close(); err != nil {
			return err
		}
		if err := p.listen(told, 1+rng.IntN(8)); err != nil {
			return err
		}
		var exit *exec.ExitError
		if err := p.cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
			return fmt.Errorf("a process ended before it was killed: %v", err)
		}
	}
	return compare(ctx, newLog, stream, told)
}

// listen notes what the process was told, and kills it when it has heard of
// so many records after the first; a negative number never does.
func (p *process) listen(told map[int]int, kill int) error {
	for {
		n, err := p.next()
		if n == 0 || err != nil {
			return err
		}
		if told[n] != 0 {
			return fmt.Errorf("record %d was acknowledged to two processes, or twice", n)
		}
		told[n] = p.cmd.Process.Pid
		if kill == 0 {
			if err := p.cmd.Process.Kill(); err != nil {
				return err
			}
		}
		kill--
	}
}

// compare reads the stream: every record that was acknowledged is there, and
// of the process that it was acknowledged to.
func compare(ctx context.Context, newLog func() (deploy.Log, error), stream string, told map[int]int) error {
	l, err := newLog()
	if err != nil {
		return fmt.Errorf("new log: %w", err)
	}
	n := 0
	for rec, err := range l.Read(ctx, stream, 1) {
		if errors.Is(err, deploy.ErrTorn) {
			break
		}
		if err != nil {
			return fmt.Errorf("read record %d: %w", n+1, err)
		}
		n++
		var got appended
		if err := json.Unmarshal(rec, &got); err != nil || got.N != n {
			return fmt.Errorf("record %d is that with number %d: %v", n, got.N, err)
		}
		if pid := told[n]; pid != 0 && pid != got.PID {
			return fmt.Errorf("record %d was acknowledged to process %d and is of process %d", n, pid, got.PID)
		}
		delete(told, n)
	}
	if len(told) > 0 {
		return fmt.Errorf("%d records that were acknowledged are not there; the stream has %d", len(told), n)
	}
	return nil
}

func newStream() string { return "runlogtest/" + strings.ToLower(rand.Text()) }
