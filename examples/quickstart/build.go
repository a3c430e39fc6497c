package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// build makes the artefact of a version: a folder with an executable file
// named run.
type build struct {
	Version string `json:"version"`
	Source  string `json:"source"`
	Go      bool   `json:"go"`
	Own     bool   `json:"own"` // a built-in version
	Out     string `json:"out"`
}

func (b *build) Spec() any { return b }

func (b *build) Preview() []string {
	if b.Go {
		return []string{"go build -o " + filepath.Join(b.Out, "run") + " " + b.Source}
	}
	return []string{"copy " + b.Source + " to " + b.Out}
}

func (b *build) Run(ctx context.Context, c *deploy.Call) error {
	if err := os.RemoveAll(b.Out); err != nil {
		return err
	}
	if err := os.MkdirAll(b.Out, 0o700); err != nil {
		return err
	}
	if !b.Go {
		return os.CopyFS(b.Out, os.DirFS(b.Source))
	}
	return b.compile(ctx, c)
}

func (b *build) compile(ctx context.Context, c *deploy.Call) error {
	tool, err := goTool()
	if err != nil {
		return err
	}
	source := b.Source
	if !inModule(source) { // a folder of Go files alone: give it a module
		source = b.Out + ".source"
		if err := os.RemoveAll(source); err != nil {
			return err
		}
		if err := os.CopyFS(source, os.DirFS(b.Source)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(source, "go.mod"), []byte("module release\n\ngo 1.26\n"), 0o600); err != nil {
			return err
		}
	}
	cmd := deploy.Exec{Command: deploy.Command{
		Argv: []string{tool, "build", "-buildvcs=false", "-o", filepath.Join(b.Out, "run"), "."},
		Dir:  source,
		Env:  goEnvironment(),
	}}
	if b.Own || source != b.Source { // no go.work above the state folder has a say
		cmd.Command.Env["GOWORK"] = "off"
	}
	if err := cmd.Run(ctx, c); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(b.Out, "run"))
	if err == nil && info.Mode()&0o111 == 0 {
		err = fmt.Errorf("the Go package in %s is not package main, so there is nothing to run", b.Source)
	}
	return err
}

// goEnvironment is what the go command of this program would see, but for
// what is none of its business.
func goEnvironment() map[string]string {
	var names []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "GO") || strings.HasPrefix(upper, "CGO") || strings.HasPrefix(upper, "XDG_") ||
			strings.HasSuffix(upper, "_PROXY") || strings.HasPrefix(upper, "SSL_CERT") || upper == "CC" {
			names = append(names, name)
		}
	}
	return environment(names...)
}

// environment picks variables of this program for a command, PATH and HOME
// among them.
func environment(names ...string) map[string]string {
	env := map[string]string{}
	for _, name := range append(names, "PATH", "HOME", "TMPDIR") {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	return env
}
