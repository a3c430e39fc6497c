package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/masaruk/devops/internal/testenv"
)

// options are the arguments of the command.
type options struct {
	requireAll bool
	exhaustive bool
	list       bool
	only       *regexp.Regexp
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the command as a function: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "check:", err)
		return 2
	}
	root, err := testenv.Root()
	if err != nil {
		fmt.Fprintln(stderr, "check:", err)
		return 2
	}
	b := newBench(root, opts)
	steps, err := plan(b)
	if err != nil {
		fmt.Fprintln(stderr, "check:", err)
		return 1
	}
	if opts.list {
		for _, s := range steps {
			fmt.Fprintln(stdout, s.name)
		}
		return 0
	}
	rows := runSteps(ctx, b, steps, stdout)
	return summarise(stdout, rows)
}

// parse reads the arguments.
func parse(args []string, stderr io.Writer) (options, error) {
	var opts options
	var only string
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&opts.requireAll, "require-all", false, "a missing server or tool is a failure, never a skip")
	flags.BoolVar(&opts.exhaustive, "exhaustive", false, "run whole fault matrices and the benchmarks")
	flags.BoolVar(&opts.list, "list", false, "print the names of the steps and run none")
	flags.StringVar(&only, "only", "", "run only the steps whose name matches this `regexp`")
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	if flags.NArg() > 0 {
		return opts, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if only != "" {
		re, err := regexp.Compile(only)
		if err != nil {
			return opts, fmt.Errorf("-only: %w", err)
		}
		opts.only = re
	}
	return opts, nil
}
