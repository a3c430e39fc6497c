package leakscan

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// command is one call of Main.
type command struct {
	stderr io.Writer

	dir                     string
	diff, json, rules       bool
	stdin                   string
	baseline, writeBaseline string
	skip, disable, env      []string
}

func (c *command) parse(args []string) error {
	flags := flag.NewFlagSet("leakscan", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Main tells of the error
	flags.BoolVar(&c.diff, "diff", false, "scan the added lines of the unified diff on stdin")
	flags.StringVar(&c.stdin, "stdin", "", "scan the text on stdin, which is called `NAME`")
	flags.BoolVar(&c.json, "json", false, "print findings as JSON, one a line")
	flags.BoolVar(&c.rules, "rules", false, "list the rules")
	flags.StringVar(&c.baseline, "baseline", "", "pass over the findings in `FILE`")
	flags.StringVar(&c.writeBaseline, "write-baseline", "", "write the findings to `FILE`, for -baseline")
	flags.Var((*list)(&c.skip), "skip", "pass over the files and directories that `PATTERN` matches, besides .git and node_modules; may come again")
	flags.Var((*list)(&c.disable), "disable", "do not look for `RULE`; may come again")
	flags.Var((*list)(&c.env), "env", "look for the value of the environment variable `VARIABLE`; may come again")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(c.stderr)
		_, _ = fmt.Fprintln(c.stderr, "usage: leakscan [flags] [directory]")
		flags.PrintDefaults()
		return err
	case err != nil:
		return fmt.Errorf("leakscan: %w; -h lists the flags", err)
	}
	c.dir = "."
	switch {
	case flags.NArg() > 1:
		return errors.New("leakscan: one directory at most")
	case flags.NArg() == 1 && (c.diff || c.stdin != ""), c.diff && c.stdin != "":
		return errors.New("leakscan: only one of a directory, -diff and -stdin")
	case flags.NArg() == 1:
		c.dir = flags.Arg(0)
	}
	return nil
}

// list is a flag that may come again.
type list []string

// String is as in [flag.Value].
func (l *list) String() string { return strings.Join(*l, ",") }

// Set is as in [flag.Value].
func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}
