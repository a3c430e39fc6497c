package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// command is one program to run.
type command struct {
	argv []string
	dir  string
	env  []string // the whole environment; of a variable given twice the last counts
	// stdout, if set, receives the standard output instead of out.
	stdout io.Writer
	// grace is how long the process group may take to end after the polite
	// signal, before it is killed; zero is 15 seconds.
	grace time.Duration
}

// execute runs c in a process group of its own. It writes the command line and
// the output to out, and returns when the whole group has ended. When ctx ends,
// it ends the group and returns the cause.
func execute(ctx context.Context, c command, out io.Writer) error {
	fmt.Fprintf(out, "$ %s\n", commandLine(c.argv))
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	program, err := lookPath(c.argv[0], c.env)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, c.argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, c.env
	cmd.Stdout, cmd.Stderr = out, out
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	cmd.WaitDelay = cmp.Or(c.grace, 15*time.Second)
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", commandName(c.argv), err)
	}
	err = cmd.Wait()
	killGroup(cmd.Process.Pid)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("%s ended and left a process that kept its output open", commandName(c.argv))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", commandName(c.argv), err)
	}
	return nil
}

// commandName is the short name of a command in an error: its program and the
// subcommand.
func commandName(argv []string) string {
	name := filepath.Base(argv[0])
	if len(argv) > 1 && name == "go" {
		return name + " " + argv[1]
	}
	return name
}

// commandLine is a command for the log, cut where it lists many files.
func commandLine(argv []string) string {
	const most = 20
	if len(argv) > most {
		return fmt.Sprintf("%s ... and %d arguments more", strings.Join(argv[:most], " "), len(argv)-most)
	}
	return strings.Join(argv, " ")
}

// lookPath finds a program by the PATH of env, which the program gets, and not
// by the PATH of this process.
func lookPath(program string, env []string) (string, error) {
	if strings.ContainsRune(program, os.PathSeparator) {
		return program, nil
	}
	path := ""
	for _, entry := range env {
		if value, found := strings.CutPrefix(entry, "PATH="); found {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(dir, program)); err == nil && filepath.IsAbs(dir) {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not on the PATH: %w", program, exec.ErrNotFound)
}
