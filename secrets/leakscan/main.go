package leakscan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/masaruk/devops/secrets"
)

// The results of [Main].
const (
	ExitClean    = 0 // nothing was found
	ExitFindings = 1 // something was found
	ExitError    = 2 // not all could be read, or the arguments are wrong
)

// Main is the command leakscan: a program needs no more than
//
//	func main() {
//		os.Exit(leakscan.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
//	}
//
// It scans the directory that the argument names, or else the present one; with
// -diff a diff and with -stdin NAME any text on stdin. Findings go to stdout,
// one a line, or one JSON object a line with -json ([Finding] has its fields);
// problems and stale entries of the baseline go to stderr. The flag -h lists
// the others. The result is an exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &command{stderr: stderr}
	if err := c.parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return ExitClean
		}
		return c.fail(err)
	}
	if c.rules {
		return c.printRules(stdout)
	}
	baseline, err := readBaselineFile(c.baseline)
	if err != nil {
		return c.fail(err)
	}
	all, done, err := c.source(ctx, stdin)
	if err != nil {
		return c.fail(err)
	}
	defer done()
	var findings []Finding
	code := ExitClean
	for f, err := range all {
		if err != nil {
			code = c.fail(err)
			continue
		}
		findings = append(findings, f)
	}
	if c.writeBaseline != "" && code == ExitClean {
		if err := writeBaselineFile(c.writeBaseline, NewBaseline(findings)); err != nil {
			return c.fail(err)
		}
		baseline = NewBaseline(findings)
	}
	fresh, stale := baseline.Filter(findings)
	for _, e := range stale {
		_, _ = fmt.Fprintf(stderr, "leakscan: the baseline has %d more of %s in %q than there are (context %s): write it again\n", e.Count, e.Rule, e.Path, e.Context)
	}
	if err := c.print(stdout, fresh); err != nil {
		return c.fail(fmt.Errorf("leakscan: %w", err))
	}
	if code == ExitClean && len(fresh) > 0 {
		code = ExitFindings
	}
	return code
}

// source returns the findings in what the arguments name. Call done after it.
func (c *command) source(ctx context.Context, stdin io.Reader) (all iter.Seq2[Finding, error], done func(), err error) {
	redactor, err := loaded(c.env)
	if err != nil {
		return nil, nil, err
	}
	s, err := New(&Options{Redactor: redactor, Disable: c.disable, Skip: append([]string{".git", "node_modules"}, c.skip...)})
	switch {
	case err != nil:
		return nil, nil, err
	case c.diff:
		return s.Diff(ctx, stdin), func() {}, nil
	case c.stdin != "":
		return s.Stream(ctx, c.stdin, stdin), func() {}, nil
	}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		if info, statErr := os.Stat(c.dir); statErr == nil && !info.IsDir() {
			return nil, nil, fmt.Errorf("leakscan: %s is a file: name the directory that it is in, or use -stdin", c.dir)
		}
		return nil, nil, fmt.Errorf("leakscan: %w", err)
	}
	return s.Tree(ctx, root.FS()), func() { _ = root.Close() }, nil // it was only read
}

// loaded returns a Redactor of the values of environment variables.
func loaded(names []string) (*secrets.Redactor, error) {
	r := &secrets.Redactor{}
	for _, name := range names {
		value, ok := os.LookupEnv(name)
		if !ok {
			return nil, fmt.Errorf("leakscan: -env %s: the variable is not set", name)
		}
		if err := r.Add(secrets.New(value)); err != nil {
			return nil, fmt.Errorf("leakscan: -env %s: %w", name, err)
		}
	}
	return r, nil
}

func readBaselineFile(name string) (*Baseline, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("leakscan: -baseline: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return ReadBaseline(f)
}

func writeBaselineFile(name string, b *Baseline) error {
	var text bytes.Buffer
	if err := b.Write(&text); err != nil {
		return err
	}
	if err := os.WriteFile(name, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("leakscan: -write-baseline: %w", err)
	}
	return nil
}

func (c *command) fail(err error) int {
	_, _ = fmt.Fprintln(c.stderr, err) // there is nowhere else to say it
	return ExitError
}

func (c *command) printRules(w io.Writer) int {
	for _, r := range Rules() {
		if _, err := fmt.Fprintf(w, "%-28s%s\n", r.ID, r.Name); err != nil {
			return c.fail(fmt.Errorf("leakscan: %w", err))
		}
	}
	return ExitClean
}

func (c *command) print(w io.Writer, findings []Finding) error {
	enc := json.NewEncoder(w)
	for _, f := range findings {
		var err error
		if c.json {
			err = enc.Encode(f)
		} else {
			_, err = fmt.Fprintln(w, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
