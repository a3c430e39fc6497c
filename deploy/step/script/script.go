package script

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/stepinput"
	"github.com/masaruk/devops/secrets"
)

// Script is the Action that runs a script on the step's host.
type Script struct {
	// Name is what people call it; empty is "script".
	Name string
	// Text is the script. [Load] reads it from a file.
	Text string
	// Interpreter is a program with its arguments, and gets the name of the
	// file that holds the text as last argument; empty is "sh -eu".
	Interpreter []string
	// Dir is the working directory; empty is the executor's own.
	Dir string
	// Env are variables. Each ${name} in a value is the output of that name,
	// a string, which the step lists in Binds.
	Env map[string]string
	// Secrets are variables too, each with the name by which Source knows
	// its value.
	Secrets map[string]string
	Source  secrets.Source
	// Output, when set, names the output that the standard output becomes: a
	// string, without the line feeds at its end. The step lists it in
	// Provides.
	Output string
	// ReadOnly declares that the script changes nothing.
	ReadOnly bool

	file bool // the text is shown by its digest
}

// Load returns a script whose text is that of a file, as it is now: what was
// read is what the plan's digest holds and what runs, whatever becomes of the
// file. Plans show it by the SHA-256 of its text.
func Load(fsys fs.FS, name string) (*Script, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("load script: %w", err)
	}
	return &Script{Name: name, Text: string(text), file: true}, nil
}

// spec is what a script is made of.
type spec struct {
	Name        string            `json:"name"`
	Text        string            `json:"text,omitempty"`
	SHA256      string            `json:"sha256"`
	Interpreter []string          `json:"interpreter"`
	Dir         string            `json:"dir,omitempty"`
	Env         map[string]string `json:"env,omitempty"`
	Secrets     map[string]string `json:"secrets,omitempty"`
	Output      string            `json:"output,omitempty"`
	ReadOnly    bool              `json:"read_only,omitempty"`
}

// Spec returns the script with its secrets by name.
func (s *Script) Spec() any {
	sp := spec{s.name(), s.Text, s.digest(), s.interpreter(), s.Dir, s.Env, s.Secrets, s.Output, s.ReadOnly}
	if s.file {
		sp.Text = ""
	}
	return sp
}

func (s *Script) name() string {
	if s.Name == "" {
		return "script"
	}
	return s.Name
}

func (s *Script) digest() string {
	sum := sha256.Sum256([]byte(s.Text))
	return hex.EncodeToString(sum[:])
}

func (s *Script) interpreter() []string {
	if len(s.Interpreter) == 0 {
		return []string{"sh", "-eu"}
	}
	return s.Interpreter
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate reports a script that cannot run.
func (s *Script) Validate() error {
	var errs []error
	if strings.TrimSpace(s.Text) == "" {
		errs = append(errs, errors.New("field Text is empty; write a script"))
	}
	if s.interpreter()[0] == "" {
		errs = append(errs, errors.New("field Interpreter names no program"))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if !variable.MatchString(name) {
			errs = append(errs, fmt.Errorf("field Env: %q cannot be the name of a variable", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		_, twice := s.Env[name]
		switch {
		case !variable.MatchString(name):
			errs = append(errs, fmt.Errorf("field Secrets: %q cannot be the name of a variable", name))
		case twice:
			errs = append(errs, fmt.Errorf("field Secrets: %s is in Env too", name))
		}
	}
	if err := stepinput.Check(s.Source, slices.Sorted(maps.Values(s.Secrets))...); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Preview returns a line for the script, its variables, and, of a text that
// stands in the plan, each line.
func (s *Script) Preview() []string {
	var vars strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		fmt.Fprintf(&vars, "%s=%q ", name, stepinput.Shown(s.Env[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		fmt.Fprintf(&vars, "%s=<secret %s> ", name, s.Secrets[name])
	}
	lines := []string{fmt.Sprintf("%s%s <script %s, %d bytes, sha256:%s>", vars.String(), strings.Join(s.interpreter(), " "), s.name(), len(s.Text), s.digest()[:12])}
	if s.file {
		return lines
	}
	for line := range strings.Lines(s.Text) {
		lines = append(lines, "| "+strings.TrimRight(line, "\r\n"))
	}
	return lines
}

// wrapper puts standard input, of so many bytes, into a private file and runs
// the rest of its arguments with it. A program that is killed closes the input
// early, which looks like its end. The traps are for a shell that waits for the
// interpreter when the group gets a signal.
const wrapper = `set -eu
umask 077
size=$1
shift
file=$(mktemp)
trap 'rm -f "$file"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cat >"$file"
if [ "$(wc -c <"$file")" -ne "$size" ]; then
	echo "the script did not arrive whole, and was not run" >&2
	exit 125
fi
"$@" "$file" </dev/null`

// Run runs the script; its output is the step's. An exit status other than
// zero is an error.
func (s *Script) Run(ctx context.Context, c *deploy.Call) error {
	given, err := stepinput.Lookup(ctx, s.Source, slices.Sorted(maps.Values(s.Secrets))...)
	if err == nil {
		err = s.run(ctx, c, given)
	}
	if err != nil {
		return given.Error(fmt.Errorf("script %q: %w", s.name(), err))
	}
	return nil
}

func (s *Script) run(ctx context.Context, c *deploy.Call, given *stepinput.Secrets) error {
	cmd := deploy.Command{
		Argv:  append([]string{"sh", "-c", wrapper, "sh", strconv.Itoa(len(s.Text))}, s.interpreter()...),
		Dir:   s.Dir,
		Env:   map[string]string{},
		Stdin: strings.NewReader(s.Text), ReadOnly: s.ReadOnly,
		Secrets: map[string]secrets.Value{},
	}
	for name, text := range s.Env {
		value, err := c.Expand(text)
		if err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
		cmd.Env[name] = value
	}
	for name, secret := range s.Secrets {
		cmd.Secrets[name] = given.Value(secret)
	}
	if s.Output == "" {
		return (&deploy.Exec{Command: cmd}).Run(ctx, c)
	}
	var out capped
	cmd.Stdout = &out
	if err := (&deploy.Exec{Command: cmd}).Run(ctx, c); err != nil {
		return err
	}
	text := strings.TrimRight(string(out), "\r\n")
	c.Printf("%s", given.Filter(text))
	return c.Provide(s.Output, text)
}

// capped is a buffer for an output, and fails rather than keep a part of it.
type capped []byte

// Write adds p.
func (b *capped) Write(p []byte) (int, error) {
	if len(*b)+len(p) > deploy.MaxOutput {
		return 0, fmt.Errorf("the standard output is more than the %d bytes of an output", deploy.MaxOutput)
	}
	*b = append(*b, p...)
	return len(p), nil
}

var _ deploy.Previewer = (*Script)(nil)
