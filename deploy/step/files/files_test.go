package files_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/files"
	"github.com/masaruk/devops/internal/actiontest"
	"github.com/masaruk/devops/secrets"
)

const canary = "cana\"ry-4f2a9c"

func write(t *testing.T, mode os.FileMode, content string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(content), mode))
	require.NoError(t, os.Chmod(name, mode))
	return name
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(content)
}

func mode(t *testing.T, path ...string) os.FileMode {
	t.Helper()
	info, err := os.Stat(filepath.Join(path...))
	require.NoError(t, err)
	return info.Mode().Perm()
}

// fails is a step that makes the run turn back.
func fails() deploy.Step {
	return deploy.Step{Name: "fails", Do: deploy.Func("fails", "1", func(context.Context, *deploy.Call) error { return errors.New("no") })}
}

func TestCopyPlacesAFileAndTheUndoPutsBack(t *testing.T) {
	dir := t.TempDir()
	from, to := write(t, 0o773, "new", dir, "v7", "app"), write(t, 0o640, "old", dir, "app")
	do := &files.Copy{From: filepath.Join(dir, "${version}", "app"), To: to, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("new")))}
	b := actiontest.Bench{Outputs: map[string]any{"version": "v7"}}
	tr := b.Run(t, do.Step("place"))
	require.NoError(t, tr.Err)
	require.Equal(t, "new", read(t, to))
	require.Equal(t, os.FileMode(0o773), mode(t, to))
	require.Contains(t, tr.Output("place"), "copied "+from+" to "+to)

	write(t, 0o640, "old", to)
	b.ID, b.After = "r2", []deploy.Step{fails()}
	tr = b.Run(t, do.Step("place"))
	require.Equal(t, deploy.Undone, tr.Report.Outcome)
	require.Equal(t, "old", read(t, to))
	require.Equal(t, os.FileMode(0o640), mode(t, to))
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing stays beside it")
}

func TestCopyOfATree(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	write(t, 0o755, "#!/bin/sh", from, "bin", "run")
	write(t, 0o600, "key", from, "etc", "key")
	require.NoError(t, os.Symlink("../bin/run", filepath.Join(from, "etc", "link")))
	require.NoError(t, os.Mkdir(filepath.Join(from, "empty"), 0o750))
	write(t, 0o644, "gone after", to, "only-old")
	do := &files.Copy{From: from, To: to}
	tr := actiontest.Bench{}.Run(t, do.Step("place"))
	require.NoError(t, tr.Err)
	require.Equal(t, "#!/bin/sh", read(t, to, "bin", "run"))
	require.Equal(t, os.FileMode(0o755), mode(t, to, "bin", "run"))
	require.Equal(t, os.FileMode(0o600), mode(t, to, "etc", "key"))
	require.Equal(t, os.FileMode(0o750), mode(t, to, "empty"))
	link, err := os.Readlink(filepath.Join(to, "etc", "link"))
	require.NoError(t, err)
	require.Equal(t, "../bin/run", link)
	require.NoFileExists(t, filepath.Join(to, "only-old"))

	tr = actiontest.Bench{ID: "r2", After: []deploy.Step{fails()}}.Run(t, (&files.Copy{From: from, To: filepath.Join(dir, "fresh")}).Step("place"))
	require.Equal(t, deploy.Undone, tr.Report.Outcome)
	require.NoDirExists(t, filepath.Join(dir, "fresh"), "there was nothing before")
}

func TestWhatCopyRefuses(t *testing.T) {
	dir := t.TempDir()
	file, folder := write(t, 0o644, "x", dir, "file"), filepath.Join(dir, "folder")
	require.NoError(t, os.Mkdir(folder, 0o755))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(file, link))
	other := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("y")))
	for want, do := range map[string]*files.Copy{
		"is there and is a folder":           {From: file, To: folder},
		"is there and is a file":             {From: folder, To: file},
		"is a symbolic link":                 {From: file, To: link},
		"no such file":                       {From: filepath.Join(dir, "missing"), To: file},
		"into itself":                        {From: folder, To: filepath.Join(folder, "below")},
		"wanted is sha256:a1fce4363854ff888": {From: file, To: filepath.Join(dir, "new"), Digest: other},
		"Digest is for files":                {From: folder, To: filepath.Join(dir, "new"), Digest: other},
		"neither a file nor a folder":        {From: os.DevNull, To: filepath.Join(dir, "new")},
	} {
		tr := actiontest.Bench{}.Run(t, do.Step("place"))
		require.ErrorContains(t, tr.Err, want)
		require.Equal(t, deploy.Undone, tr.Report.Outcome, want)
		require.NoFileExists(t, filepath.Join(dir, "new"))
		require.Equal(t, "x", read(t, file))
	}
	for want, do := range map[string]*files.Copy{
		"field From is empty": {To: "/x"}, "field To is empty": {From: "/x"}, "field Digest": {From: "/x", To: "/y", Digest: "abc"},
		`field To: "y" is no absolute path`: {From: "/x", To: "y"}, `field From: "x"`: {From: "x", To: "/y"},
	} {
		require.ErrorContains(t, do.Validate(), want)
	}
}

func template(to string) *files.Template {
	return &files.Template{
		To:   to,
		Text: `{"port": {{.Data.Port}}, "release": {{output "release" | json}}, "build": {{(output "build").n}}, "password": {{secret "db" | json}}, "run": "{{.Run}}"}`,
		Data: struct{ Port int }{8080}, Secrets: []string{"db"},
		Source: secrets.Static(map[string]secrets.Value{"db": secrets.New(canary), "undeclared": secrets.New("another")}),
	}
}

func TestTemplateIsMadeOfOutputsDataAndSecrets(t *testing.T) {
	to := filepath.Join(t.TempDir(), "config.json")
	b := actiontest.Bench{Outputs: map[string]any{"release": `v"7`, "build": map[string]any{"n": 12345678901234567}}, Log: t.TempDir()}
	tr := b.Run(t, template(to).Step("config"))
	require.NoError(t, tr.Err)
	require.JSONEq(t, `{"port": 8080, "release": "v\"7", "build": 12345678901234567, "password": "cana\"ry-4f2a9c", "run": "r1"}`, read(t, to))
	require.Equal(t, os.FileMode(0o600), mode(t, to))
	tr.RequireHidden(t, canary)

	quiet := template(to)
	quiet.Text, quiet.Secrets = "x", nil
	b.ID = "r2"
	require.NoError(t, b.Run(t, quiet.Step("config")).Err)
	require.Equal(t, os.FileMode(0o644), mode(t, to))
	b.ID = "r3"
	tr = b.Run(t, quiet.Step("config"))
	require.Contains(t, tr.Output("config"), "has this content already")
}

func TestWhatATemplateRefuses(t *testing.T) {
	dir := t.TempDir()
	to := write(t, 0o644, "old", dir, "to")
	for want, text := range map[string]string{
		"map has no entry for key":              `{{.Data.nothing}}`,
		"no completed step has set it":          `{{output "later"}}`,
		"does not list it in Binds":             `{{output "unbound"}}`,
		`secret "undeclared" is not in Secrets`: `{{secret "undeclared"}}`,
		"can't evaluate field":                  `{{(secret "db").Password}}`,
	} {
		do := template(to)
		do.Text, do.Data = text, map[string]int{}
		step := do.Step("config")
		step.Provides = []string{"later"}
		tr := actiontest.Bench{}.Run(t, step)
		require.ErrorContains(t, tr.Err, want)
		require.ErrorContains(t, tr.Err, to)
		require.Equal(t, "old", read(t, to))
		tr.RequireHidden(t, canary)
	}
	for want, change := range map[string]func(*files.Template){
		"field To":              func(f *files.Template) { f.To = "" },
		"field Text":            func(f *files.Template) { f.Text = "{{" },
		"lets everybody read":   func(f *files.Template) { f.Mode = 0o644 },
		"more than permissions": func(f *files.Template) { f.Mode = os.ModeSetuid | 0o600 },
		"field Source is nil":   func(f *files.Template) { f.Source = nil },
	} {
		do := template(to)
		change(do)
		require.ErrorContains(t, do.Validate(), want)
	}
}

func TestASecretInTheDataIsRefused(t *testing.T) {
	do := template(filepath.Join(t.TempDir(), "to"))
	do.Data = struct{ Password secrets.Value }{secrets.New(canary)}
	tr := actiontest.Bench{Outputs: map[string]any{"release": "v"}}.Run(t, do.Step("config"))
	require.ErrorIs(t, tr.Err, deploy.ErrSecret)
	tr.RequireHidden(t, canary)
}

func TestTheUndoOfATemplatePutsBackAfterItsFailure(t *testing.T) {
	to := write(t, 0o640, "old", t.TempDir(), "to")
	do := &files.Template{To: to, Text: "new"}
	tr := actiontest.Bench{After: []deploy.Step{fails()}}.Run(t, do.Step("config"))
	require.Equal(t, deploy.Undone, tr.Report.Outcome)
	require.Equal(t, "old", read(t, to))
	require.Equal(t, os.FileMode(0o640), mode(t, to))
}

func TestLoadedTemplate(t *testing.T) {
	do, err := files.LoadTemplate(fstest.MapFS{"a.tmpl": {Data: []byte("x {{.Environment}}")}}, "a.tmpl")
	require.NoError(t, err)
	do.To = filepath.Join(t.TempDir(), "to")
	tr := actiontest.Bench{}.Run(t, do.Step("config"))
	require.NoError(t, tr.Err)
	require.Equal(t, "x dev", read(t, do.To))
	require.NotContains(t, tr.Text("spec"), "x {{")
	_, err = files.LoadTemplate(fstest.MapFS{}, "a.tmpl")
	require.ErrorIs(t, err, os.ErrNotExist)
}
