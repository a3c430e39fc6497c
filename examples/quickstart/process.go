package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
)

// start starts the release on a free port, beside the one that serves.
type start struct {
	Release string `json:"release"`
	Dir     string `json:"dir"`
	Log     string `json:"log"`

	exec *localexec.Executor
}

func (s *start) Spec() any { return s }

func (s *start) Preview() []string {
	return []string{"cd " + s.Dir + " && ADDR=<free port> RELEASE=" + s.Release + " ./run"}
}

func (s *start) Run(ctx context.Context, c *deploy.Call) error {
	if err := endMarked(ctx, c.Marker()); err != nil { // of an attempt that was cut off
		return err
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	env := environment()
	env["ADDR"], env["RELEASE"], env[deploy.MarkerVar] = addr, s.Release, c.Marker()
	proc, err := s.exec.Start(ctx, deploy.Command{Argv: []string{filepath.Join(s.Dir, "run")}, Dir: s.Dir, Env: env}, s.Log)
	if err != nil {
		return err
	}
	c.Printf("%s is process %d on %s", s.Release, proc.PID, addr)
	return errors.Join(c.Provide("process", proc), c.Provide("addr", addr))
}

// freeAddr asks the system for a port that nobody uses.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// stop ends every process that the run has started.
type stop struct {
	Release string `json:"release"`
}

func (s *stop) Spec() any { return s }

func (s *stop) Preview() []string { return []string{"end the processes of release " + s.Release} }

func (s *stop) Run(ctx context.Context, c *deploy.Call) error { return endMarked(ctx, c.Marker()) }

// stopGrace is how long a service may take to end before it is killed.
const stopGrace = 5 * time.Second

// endMarked ends every process with the marker.
func endMarked(ctx context.Context, marker string) error {
	_, err := endAll(ctx, func() ([]localexec.Process, error) {
		return localexec.Marked(marker)
	})
	return err
}

// endAll ends what list finds until it finds nothing more: a process can start
// another while it is being ended.
func endAll(ctx context.Context, list func() ([]localexec.Process, error)) (ended []localexec.Process, err error) {
	for range 10 {
		procs, err := list()
		if err != nil || len(procs) == 0 {
			return ended, err
		}
		if err := localexec.End(ctx, procs, stopGrace); err != nil {
			return ended, err
		}
		ended = append(ended, procs...)
	}
	return ended, fmt.Errorf("processes come back as often as they are ended: %+v", ended)
}

// gate waits until the release answers well, or its process has ended.
type gate struct {
	deploy.Health
	log string
}

func (g *gate) Run(ctx context.Context, c *deploy.Call) error {
	var proc localexec.Process
	if err := c.Bind("process", &proc); err != nil {
		return err
	}
	health := g.Health
	health.Alive = func(context.Context) error {
		if localexec.Alive(proc) {
			return nil
		}
		return fmt.Errorf("process %d has ended; %s", proc.PID, lastLines(g.log))
	}
	return health.Run(ctx, c)
}

// lastLines returns the end of a log file, as the end of a sentence.
func lastLines(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(raw) == 0 {
		return "it wrote nothing"
	}
	return "its output ends:\n" + strings.TrimSpace(string(raw[max(0, len(raw)-600):])) + "\n"
}
