package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// cores are the folders whose packages build on every supported system.
var cores = []string{"secrets", "envconfig", "deploy", "backup", "monitor"}

// platform is a system that the cores are built for without running them.
type platform struct{ goos, goarch string }

var platforms = []platform{{"darwin", "arm64"}, {"windows", "amd64"}}

func (p platform) env() []string {
	return []string{"GOOS=" + p.goos, "GOARCH=" + p.goarch, "CGO_ENABLED=0"}
}

// silent runs a command that has nothing to say when all is well: output is a
// failure as much as an exit status is.
func (b *bench) silent(ctx context.Context, log io.Writer, dir string, argv ...string) error {
	var out bytes.Buffer
	c := command{argv: argv, dir: filepath.Join(b.root, dir), env: b.env(), stdout: io.MultiWriter(&out, log)}
	if err := b.exec(ctx, c, log); err != nil {
		return err
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); out.Len() > 0 {
		return fmt.Errorf("%s has something to say (%d lines)", commandName(argv), n)
	}
	return nil
}

// inModule names a step that runs in the module in dir.
func inModule(name, dir string) string {
	if dir == "." {
		return name
	}
	return name + " " + dir
}

// tidyStep checks that go.mod and go.sum of a module are as tidy leaves them.
func tidyStep(b *bench, dir string) step {
	return step{inModule("go mod tidy -diff", dir), func(ctx context.Context, log io.Writer) outcome {
		return result(b.silent(ctx, log, dir, "go", "mod", "tidy", "-diff"))
	}}
}

// formatStep checks the formatting of every Go file, nested modules included.
func formatStep(b *bench) step {
	return step{"gofumpt", func(ctx context.Context, log io.Writer) outcome {
		if o := b.missingTool(gofumpt); o != nil {
			return *o
		}
		files, err := goFiles(b.root)
		if err != nil {
			return result(err)
		}
		if len(files) == 0 {
			return fail("found no Go files")
		}
		return result(b.silent(ctx, log, ".", append([]string{b.tool("gofumpt"), "-l"}, files...)...))
	}}
}

// vetStep, fixStep and staticcheckStep analyse the packages of a module.
func vetStep(b *bench, dir string) step {
	return step{inModule("go vet", dir), func(ctx context.Context, log io.Writer) outcome {
		return result(b.silent(ctx, log, dir, "go", "vet", "./..."))
	}}
}

func fixStep(b *bench, dir string) step {
	return step{inModule("go fix -diff", dir), func(ctx context.Context, log io.Writer) outcome {
		return result(b.silent(ctx, log, dir, "go", "fix", "-diff", "./..."))
	}}
}

func staticcheckStep(b *bench, dir string) step {
	return step{inModule("staticcheck", dir), func(ctx context.Context, log io.Writer) outcome {
		if o := b.missingTool(staticcheck); o != nil {
			return *o
		}
		return result(b.silent(ctx, log, dir, b.tool("staticcheck"), "./..."))
	}}
}

// missingTool is the outcome of a step whose tool could not be installed; nil
// if it was.
func (b *bench) missingTool(t goTool) *outcome {
	if _, err := os.Stat(b.tool(t.name)); err == nil {
		return nil
	}
	o := b.leftOut("%s is missing: see the step that installs it", t.name)
	return &o
}

// crossStep builds the cores for another system.
func crossStep(b *bench, p platform) step {
	return step{"build cores for " + p.goos, func(ctx context.Context, log io.Writer) outcome {
		patterns := corePatterns(b.root)
		if len(patterns) == 0 {
			return fail("found none of the cores %v", cores)
		}
		return result(b.run(ctx, log, ".", p.env(), append([]string{"go", "build"}, patterns...)...))
	}}
}

// corePatterns returns the package patterns of the cores that are there.
func corePatterns(root string) []string {
	var patterns []string
	for _, dir := range cores {
		if info, err := os.Stat(filepath.Join(root, dir)); err == nil && info.IsDir() {
			patterns = append(patterns, "./"+dir+"/...")
		}
	}
	return patterns
}
