//go:build unix

package localexec_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/executortest"
	"github.com/masaruk/devops/secrets"
)

func TestContract(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New("another-secret-value"))
	require.NoError(t, err)
	executortest.Run(t, func() (deploy.Executor, error) {
		return localexec.New(&localexec.Options{Redactor: redactor})
	})
}

func TestNewRefusesNames(t *testing.T) {
	for _, name := range []string{"", "A=B", "A\x00"} {
		_, err := localexec.New(&localexec.Options{Inherit: []string{"HOME", name}})
		require.ErrorContains(t, err, "Inherit[1]")
	}
}

func TestInherit(t *testing.T) {
	t.Setenv("LOCALEXEC_ONE", "program")
	t.Setenv("LOCALEXEC_TWO", "program")
	t.Setenv("LOCALEXEC_OTHER", "program")
	ex := newExecutor(t, &localexec.Options{Inherit: []string{"LOCALEXEC_ONE", "LOCALEXEC_TWO", "LOCALEXEC_UNSET"}})
	res, err := ex.Run(t.Context(), deploy.Command{Argv: []string{"env"}, Env: map[string]string{"LOCALEXEC_TWO": "command"}})
	require.NoError(t, err)
	require.Equal(t, "LOCALEXEC_ONE=program\nLOCALEXEC_TWO=command\n", string(res.Stdout))
}

func script(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755))
}

func TestProgramLookup(t *testing.T) {
	root := t.TempDir()
	command, program := filepath.Join(root, "command"), filepath.Join(root, "program")
	script(t, command, "tool", "echo command")
	script(t, program, "tool", "echo program")
	script(t, root, "run", "echo relative to Dir")
	t.Setenv("PATH", program)
	t.Chdir(root)
	ex := newExecutor(t, nil)
	for name, tc := range map[string]struct {
		cmd  deploy.Command
		want string
	}{
		"PATH of the command": {deploy.Command{Argv: []string{"tool"}, Env: map[string]string{"PATH": command}}, "command\n"},
		"PATH of the program": {deploy.Command{Argv: []string{"tool"}}, "program\n"},
		"relative to Dir":     {deploy.Command{Argv: []string{"../run"}, Dir: command}, "relative to Dir\n"},
		"relative Dir":        {deploy.Command{Argv: []string{"./tool"}, Dir: "command"}, "command\n"},
	} {
		res, err := ex.Run(t.Context(), tc.cmd)
		require.NoError(t, err, name)
		require.Equal(t, tc.want, string(res.Stdout), name)
	}
	// A PATH in the command decides alone, and never by the working directory.
	for _, path := range []string{"", ".", "command", filepath.Join(root, "none")} {
		_, err := ex.Run(t.Context(), deploy.Command{Argv: []string{"tool"}, Env: map[string]string{"PATH": path}})
		require.ErrorIs(t, err, exec.ErrNotFound, path)
		require.ErrorContains(t, err, "tool", path)
	}
}

func TestRefusedBeforeStart(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	touch := func(change func(*deploy.Command)) deploy.Command {
		cmd := deploy.Command{Argv: []string{"touch", ran}, Env: map[string]string{}, Secrets: map[string]secrets.Value{"TOKEN": secrets.New("token-5f2c81")}}
		change(&cmd)
		return cmd
	}
	ex := newExecutor(t, nil)
	for want, change := range map[string]func(*deploy.Command){
		`Secrets["PIN"]: secrets: value 1 of 1 is shorter than 4 bytes`: func(c *deploy.Command) { c.Secrets["PIN"] = secrets.New("731") },
		`Secrets["PIN"]: secrets: value 1 of 1 is empty`:                func(c *deploy.Command) { c.Secrets["PIN"] = secrets.Value{} },
		`Argv[2] holds a secret: the value of Secrets["TOKEN"]`:         func(c *deploy.Command) { c.Argv = append(c.Argv, "--token=token-5f2c81") },
		`Argv[0] holds a secret: the value of Secrets["TOKEN"]`:         func(c *deploy.Command) { c.Argv[0] = "token-5f2c81" },
		`Env["URL"] holds a secret: the value of Secrets["TOKEN"]`:      func(c *deploy.Command) { c.Env["URL"] = "x://token-5f2c81@h" },
		`holds a secret: the value of Secrets["TOKEN"]; move the vari`:  func(c *deploy.Command) { c.Env["token-5f2c81"] = "1" },
		`Argv[2] holds a secret: a line of a value of Secrets`: func(c *deploy.Command) {
			c.Secrets["KEY"] = secrets.New("first line\nsecond line\n")
			c.Argv = append(c.Argv, "second line")
		},
		`Dir holds a secret`:                            func(c *deploy.Command) { c.Dir = "/tmp/token-5f2c81" },
		`Secrets["TOKEN"]: the variable is also in Env`: func(c *deploy.Command) { c.Env["TOKEN"] = "other" },
		`Env[""]: a variable needs a name`:              func(c *deploy.Command) { c.Env[""] = "x" },
		`Env["A=B"]: the name of a variable`:            func(c *deploy.Command) { c.Env["A=B"] = "x" },
		`Env["A"]: the value holds a NUL byte`:          func(c *deploy.Command) { c.Env["A"] = "x\x00y" },
		`Secrets["B"]: the value holds a NUL byte`:      func(c *deploy.Command) { c.Secrets["B"] = secrets.New("long\x00enough") },
		`Argv[2]: holds a NUL byte`:                     func(c *deploy.Command) { c.Argv = append(c.Argv, "x\x00") },
		`touch: Dir: chdir`:                             func(c *deploy.Command) { c.Dir = os.Args[0] },
	} {
		_, err := ex.Run(t.Context(), touch(change))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "token-5f2c81")
		require.NotContains(t, err.Error(), "731")
		require.NotErrorAs(t, err, new(*deploy.ExitError))
		require.Equal(t, strings.Contains(want, "holds a secret"), errors.Is(err, deploy.ErrSecret), want)
		require.NoFileExists(t, ran)
	}
	_, err := ex.Run(t.Context(), touch(func(c *deploy.Command) { c.Dir = "/nonexistent/dir" }))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = ex.Run(t.Context(), touch(func(*deploy.Command) {}))
	require.NoError(t, err)
	require.FileExists(t, ran, "the command itself is fine")
}

func TestSharedRedactor(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New("of-the-program"))
	require.NoError(t, err)
	ex := newExecutor(t, &localexec.Options{Redactor: redactor})
	cmd := sh(`echo "$1 and $OWN"; echo "$1 and $OWN" >&2; exit 1`, "of-the-program")
	cmd.Secrets = map[string]secrets.Value{"OWN": secrets.New("of-the-command")}
	var out strings.Builder
	cmd.Stdout = &out
	res, err := ex.Run(t.Context(), cmd)
	var exit *deploy.ExitError
	require.ErrorAs(t, err, &exit)
	for _, text := range []string{out.String(), string(res.Stdout), string(res.Stderr), exit.Stderr, err.Error()} {
		require.Contains(t, text, " and ")
		require.NotContains(t, text, "of-the-")
	}
}
