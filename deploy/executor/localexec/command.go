package localexec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

// prepared is a command that was checked and may be started.
type prepared struct {
	argv []string
	path string // the program's file
	dir  string
	env  []string
	mask mask
}

// prepare checks cmd and finds its program. Its errors name positions and
// variables, never a value of Env or Secrets.
func (e *Executor) prepare(cmd deploy.Command) (*prepared, error) {
	if len(cmd.Argv) == 0 || cmd.Argv[0] == "" {
		return nil, errors.New("localexec: Argv names no program")
	}
	own, err := checkSecrets(cmd)
	if err != nil {
		return nil, fmt.Errorf("localexec: %w", err)
	}
	if err := checkText(cmd); err != nil {
		return nil, fmt.Errorf("localexec: %w", err)
	}
	program := cmd.Argv[0]
	if cmd.Dir != "" {
		info, err := os.Stat(cmd.Dir)
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "chdir", Path: cmd.Dir, Err: errors.New("not a directory")}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: Dir: %w", program, err)
		}
	}
	vars := e.variables(cmd)
	path, err := findProgram(program, cmd.Dir, vars)
	if err != nil {
		return nil, fmt.Errorf("%s: not started: %w", program, err)
	}
	env := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return &prepared{argv: slices.Clone(cmd.Argv), path: path, dir: cmd.Dir, env: env, mask: mask{own: own, shared: e.redactor}}, nil
}

// variables returns the whole environment of cmd.
func (e *Executor) variables(cmd deploy.Command) map[string]string {
	vars := make(map[string]string, len(e.inherit)+len(cmd.Env)+len(cmd.Secrets))
	for _, name := range e.inherit {
		if v, ok := os.LookupEnv(name); ok {
			vars[name] = v
		}
	}
	maps.Copy(vars, cmd.Env)
	for name, v := range cmd.Secrets {
		vars[name] = v.Reveal()
	}
	return vars
}

// checkSecrets refuses secrets that cannot be masked and those that stand
// where other users, descriptions or logs show them. It returns what masks
// the others.
func checkSecrets(cmd deploy.Command) (*secrets.Redactor, error) {
	if len(cmd.Secrets) == 0 {
		return nil, nil
	}
	own := &secrets.Redactor{}
	for _, name := range slices.Sorted(maps.Keys(cmd.Secrets)) {
		if err := own.Add(cmd.Secrets[name]); err != nil {
			return nil, fmt.Errorf("Secrets[%q]: %w", name, err)
		}
		if _, both := cmd.Env[name]; both {
			return nil, fmt.Errorf("Secrets[%q]: the variable is also in Env", name)
		}
	}
	for i, arg := range cmd.Argv {
		if name := shows(cmd, own, arg); name != "" {
			return nil, fmt.Errorf("Argv[%d] %w: %s; other users can read it, so pass it as a variable only", i, deploy.ErrSecret, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cmd.Env)) {
		if of := shows(cmd, own, name+"="+cmd.Env[name]); of != "" {
			return nil, fmt.Errorf("Env[%s] %w: %s; move the variable to Secrets", own.String(fmt.Sprintf("%q", name)), deploy.ErrSecret, of)
		}
	}
	if of := shows(cmd, own, cmd.Dir); of != "" {
		return nil, fmt.Errorf("Dir %w: %s", deploy.ErrSecret, of)
	}
	return own, nil
}

// shows names the secret whose value text holds, whole or a line of it.
func shows(cmd deploy.Command, own *secrets.Redactor, text string) string {
	for _, name := range slices.Sorted(maps.Keys(cmd.Secrets)) {
		if strings.Contains(text, cmd.Secrets[name].Reveal()) {
			return fmt.Sprintf("the value of Secrets[%q]", name)
		}
	}
	if own.String(text) != text {
		return "a line of a value of Secrets"
	}
	return ""
}

// checkText refuses what no operating system can pass on.
func checkText(cmd deploy.Command) error {
	for i, arg := range cmd.Argv {
		if strings.ContainsRune(arg, 0) {
			return fmt.Errorf("Argv[%d]: holds a NUL byte", i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cmd.Env)) {
		if err := checkVariable(name, cmd.Env[name]); err != nil {
			return fmt.Errorf("Env[%q]: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cmd.Secrets)) {
		if err := checkVariable(name, cmd.Secrets[name].Reveal()); err != nil {
			return fmt.Errorf("Secrets[%q]: %w", name, err)
		}
	}
	return nil
}

func checkVariable(name, value string) error {
	if strings.ContainsRune(value, 0) {
		return errors.New("the value holds a NUL byte")
	}
	return checkName(name)
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("a variable needs a name")
	case strings.ContainsAny(name, "=\x00"):
		return errors.New("the name of a variable holds no \"=\" and no NUL byte")
	}
	return nil
}

// findProgram returns the file of program. A name without a slash is looked up
// in the PATH of the command, or else in that of this program; entries that
// are not absolute are passed over, so that the working directory never
// decides what runs. Other names are taken relative to dir.
func findProgram(program, dir string, vars map[string]string) (string, error) {
	if filepath.Base(program) != program {
		file := program
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		abs, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		return exec.LookPath(abs)
	}
	list, ok := vars["PATH"]
	if !ok {
		list = os.Getenv("PATH")
	}
	for _, entry := range filepath.SplitList(list) {
		if !filepath.IsAbs(entry) {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(entry, program)); err == nil {
			return path, nil
		}
	}
	where := "the PATH of the command"
	if !ok {
		where = "PATH"
	}
	return "", fmt.Errorf("no such program in %s: %w", where, exec.ErrNotFound)
}

// mask filters text on its way out. The command's own secrets go first: they
// are whole there, whatever the shared filter would cut out of them.
type mask struct{ own, shared *secrets.Redactor }

// writer returns a filter before w. Close passes on what it holds back and
// leaves w open.
func (m mask) writer(w io.Writer) io.WriteCloser {
	shared := m.shared.Writer(w)
	return &maskWriter{own: m.own.Writer(shared), shared: shared}
}

type maskWriter struct{ own, shared io.WriteCloser }

func (m *maskWriter) Write(p []byte) (int, error) { return m.own.Write(p) }

func (m *maskWriter) Close() error { return errors.Join(m.own.Close(), m.shared.Close()) }
