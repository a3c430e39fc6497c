package script_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/step/script"
	"github.com/masaruk/devops/internal/actiontest"
	"github.com/masaruk/devops/secrets"
)

const canary = "cana'ry-4f2a9c"

func TestScriptRunsWithOutputsAndSecretsAsEnvironment(t *testing.T) {
	dir := t.TempDir()
	do := &script.Script{
		Name: "seed", Dir: dir,
		Text:    "cat # finds an empty input, not the rest of the script\nprintf %s \"$TOKEN\" >token\nprintf %s \"$RELEASE\" >release\necho \"token is $TOKEN\"\n",
		Env:     map[string]string{"RELEASE": "v ${release}; rm -rf *"},
		Secrets: map[string]string{"TOKEN": "registry"},
		Source:  secrets.Static(map[string]secrets.Value{"registry": secrets.New(canary)}),
	}
	tr := actiontest.Bench{Outputs: map[string]any{"release": "2026-11-24"}}.Run(t, deploy.Step{Name: "seed", Do: do})
	require.NoError(t, tr.Err)
	got := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, canary, got("token"))
	require.Equal(t, "v 2026-11-24; rm -rf *", got("release"))
	require.Contains(t, tr.Output("seed"), "token is "+secrets.Placeholder)
	tr.RequireHidden(t, canary)
	require.NotContains(t, tr.Text("argv"), "printf", "the text is in no argument vector")
}

func TestTheFileIsPrivateAndGoes(t *testing.T) {
	temp := t.TempDir()
	do := &script.Script{Text: "stat -c %a \"$0\"\nls \"$TMPDIR\" | wc -l\nexit 3", Env: map[string]string{"TMPDIR": temp}}
	tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do})
	var exit *deploy.ExitError
	require.ErrorAs(t, tr.Err, &exit)
	require.Equal(t, 3, exit.Exit)
	require.Equal(t, []string{"600", "1"}, strings.Fields(tr.Output("s")))
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheFileGoesWhenTheRunIsStopped(t *testing.T) {
	temp := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	do := &script.Script{Text: "echo begun\nsleep 600", Env: map[string]string{"TMPDIR": temp}}
	tr := actiontest.Bench{Context: ctx, Handle: func(e deploy.Event) {
		if o, ok := e.(deploy.StepOutput); ok && o.Line == "begun" {
			cancel(context.Canceled)
		}
	}}.Run(t, deploy.Step{Name: "s", Do: do, InFlight: deploy.Repeat})
	require.ErrorIs(t, tr.Err, context.Canceled)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestHalfATextRunsNothing cuts the text off on its way, as a program that is
// killed does.
func TestHalfATextRunsNothing(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	do := &script.Script{Dir: dir, Text: "touch begun\ntouch ended é\n", Env: map[string]string{"TMPDIR": temp}}
	for n := range len(do.Text) {
		local, err := localexec.New(&localexec.Options{Inherit: []string{"PATH"}})
		require.NoError(t, err)
		cut := deploy.ExecutorFunc(func(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
			cmd.Stdin = io.LimitReader(cmd.Stdin, int64(n))
			return local.Run(ctx, cmd)
		})
		tr := actiontest.Bench{Exec: cut}.Run(t, deploy.Step{Name: "s", Do: do})
		require.ErrorContains(t, tr.Err, "did not arrive whole", n)
		for _, folder := range []string{dir, temp} {
			left, err := os.ReadDir(folder)
			require.NoError(t, err)
			require.Empty(t, left, n)
		}
	}
	require.NoError(t, actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do}).Err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 3)
}

func TestErrexit(t *testing.T) {
	for _, c := range []struct {
		text   string
		interp []string
		fails  bool
	}{
		{text: "false\ntrue", fails: true},
		{text: "echo $unset_variable", fails: true},
		{text: "false || true"},
		{text: "if false; then :; fi"},
		{text: "false | true"},
		{text: "echo \"$(false)\""},
		{text: "false | true", interp: []string{"bash", "-euo", "pipefail"}, fails: true},
		{text: "false\ntrue", interp: []string{"sh"}},
		{text: "if", fails: true},
	} {
		tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: &script.Script{Text: c.text, Interpreter: c.interp}})
		require.Equal(t, c.fails, tr.Err != nil, "%q by %v: %v", c.text, c.interp, tr.Err)
		if c.fails {
			require.ErrorContains(t, tr.Err, `script "script"`)
		}
	}
}

func TestOutputIsTheStandardOutput(t *testing.T) {
	do := &script.Script{Text: "echo 1.2.3\necho noise >&2", Output: "version"}
	tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do, Provides: []string{"version"}})
	require.NoError(t, tr.Err)
	require.JSONEq(t, `"1.2.3"`, string(tr.Report.Outputs["version"]))
	require.Contains(t, tr.Output("s"), "noise")
	require.Contains(t, tr.Output("s"), "1.2.3")

	do.Text = "head -c 70000 /dev/zero | tr '\\0' x"
	tr = actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do, Provides: []string{"version"}})
	require.ErrorContains(t, tr.Err, "more than the 65536 bytes of an output")
}

func TestWhatWasLoadedRuns(t *testing.T) {
	fsys := fstest.MapFS{"seed.sh": {Data: []byte("echo first")}}
	do, err := script.Load(fsys, "seed.sh")
	require.NoError(t, err)
	before, err := json.Marshal(do.Spec())
	require.NoError(t, err)
	require.NotContains(t, string(before), "echo first")
	require.Len(t, do.Preview(), 1)
	fsys["seed.sh"].Data = []byte("echo second")
	tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do})
	require.NoError(t, tr.Err)
	require.Contains(t, tr.Output("s"), "first")
	again, err := script.Load(fsys, "seed.sh")
	require.NoError(t, err)
	after, err := json.Marshal(again.Spec())
	require.NoError(t, err)
	require.NotEqual(t, string(before), string(after), "another text is another plan")
	_, err = script.Load(fsys, "missing.sh")
	require.ErrorContains(t, err, "missing.sh")
}

func TestSecretsThatCannotBeHad(t *testing.T) {
	source := secrets.Static(map[string]secrets.Value{"short": secrets.New("abc"), "empty": secrets.New("")})
	for _, name := range []string{"missing", "short", "empty"} {
		do := &script.Script{Text: "echo ran", Secrets: map[string]string{"TOKEN": name}, Source: source}
		tr := actiontest.Bench{}.Run(t, deploy.Step{Name: "s", Do: do})
		require.ErrorContains(t, tr.Err, `secret "`+name+`"`)
		require.Empty(t, tr.Commands, "nothing ran")
	}
}

func TestValidate(t *testing.T) {
	source := secrets.Static(nil)
	for want, do := range map[string]*script.Script{
		"field Text":                    {Text: " \n"},
		"field Interpreter":             {Text: "x", Interpreter: []string{""}},
		`field Env: "A B"`:              {Text: "x", Env: map[string]string{"A B": "x"}},
		`field Secrets: "1"`:            {Text: "x", Secrets: map[string]string{"1": "x"}, Source: source},
		"A is in Env too":               {Text: "x", Env: map[string]string{"A": "x"}, Secrets: map[string]string{"A": "x"}, Source: source},
		"field Source":                  {Text: "x", Secrets: map[string]string{"A": "x"}},
		"the name of a secret is empty": {Text: "x", Secrets: map[string]string{"A": ""}, Source: source},
	} {
		require.ErrorContains(t, do.Validate(), want)
	}
	require.NoError(t, (&script.Script{Text: "true"}).Validate())
}
