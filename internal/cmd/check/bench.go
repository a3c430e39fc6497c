package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/internal/testenv"
)

// bench is the place where the steps work: the folders of the checkout and the
// environment of what they start.
type bench struct {
	root string // of the checkout
	opts options
	// exec runs a command and writes what it prints to out.
	exec func(ctx context.Context, c command, out io.Writer) error
	// system is the root of the file system whose configuration is guarded
	// while Debian packages are installed.
	system string
}

func newBench(root string, opts options) *bench {
	return &bench{root: root, opts: opts, exec: execute, system: "/"}
}

// tools returns a path below .tools, where all that is installed goes.
func (b *bench) tools(elem ...string) string {
	return filepath.Join(append([]string{b.root, ".tools"}, elem...)...)
}

// tool returns the path of a program built into .tools/bin.
func (b *bench) tool(name string) string { return b.tools("bin", name) }

// nodeBin is the folder of the pinned Node.js.
func (b *bench) nodeBin() string { return b.tools("node", "bin") }

// env is the environment of everything that the steps start: the one of this
// process, with the installed programs first in PATH and the promises of the
// test command.
func (b *bench) env() []string {
	path := []string{b.tools("bin")}
	if _, err := os.Stat(filepath.Join(b.nodeBin(), "node")); err == nil {
		path = append(path, b.nodeBin())
	}
	env := append(os.Environ(), "PATH="+strings.Join(append(path, os.Getenv("PATH")), string(os.PathListSeparator)), "GOWORK=off")
	if b.opts.requireAll {
		env = append(env, testenv.RequireAll+"=1")
	}
	if b.opts.exhaustive {
		env = append(env, "DEVOPS_EXHAUSTIVE=1")
	}
	return env
}

// run executes argv in dir, a path relative to the root, with extra variables.
func (b *bench) run(ctx context.Context, out io.Writer, dir string, extra []string, argv ...string) error {
	return b.exec(ctx, command{argv: argv, dir: filepath.Join(b.root, dir), env: append(b.env(), extra...)}, out)
}
