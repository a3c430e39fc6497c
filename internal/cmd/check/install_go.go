package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/masaruk/devops/internal/testenv"
)

// goTool is a program that the analyses use.
type goTool struct{ name, pkg, version string }

var (
	gofumpt     = goTool{"gofumpt", "mvdan.cc/gofumpt", "v0.12.0"}
	staticcheck = goTool{"staticcheck", "honnef.co/go/tools/cmd/staticcheck", "v0.8.2"}
)

// installArgs is the command line that builds a tool into GOBIN.
func (t goTool) installArgs() []string {
	return []string{"go", "install", t.pkg + "@" + t.version}
}

// toolStep builds a pinned tool into .tools/bin.
func toolStep(b *bench, t goTool) step {
	return step{"install " + t.name, func(ctx context.Context, log io.Writer) outcome {
		mark := b.newStamp(t.name, []string{b.tool(t.name)}, t.pkg, t.version, runtime.Version())
		if mark.fresh() {
			return remark("%s is already installed", t.version)
		}
		install := func() error {
			return b.run(ctx, log, ".", []string{"GOBIN=" + b.tools("bin")}, t.installArgs()...)
		}
		if err := first(mark.remove, b.makeBin, install, mark.write); err != nil {
			return result(err)
		}
		return remark("installed %s", t.version)
	}}
}

func (b *bench) makeBin() error { return os.MkdirAll(b.tools("bin"), 0o755) }

// serversDir holds the nested module with the servers written in Go.
const serversDir = "internal/testenv/servers"

// buildServerArgs is the command line that builds a server of the nested
// module.
func buildServerArgs(output, pkg string) []string {
	return []string{"go", "build", "-o", output, pkg}
}

// serversStep builds the test servers that are written in Go.
func serversStep(b *bench) step {
	return step{"build Go servers", func(ctx context.Context, log io.Writer) outcome {
		reqs, err := testenv.Requirements()
		if err != nil {
			return result(err)
		}
		pins, err := modulePins(filepath.Join(b.root, serversDir))
		if err != nil {
			return result(err)
		}
		built, err := b.buildServers(ctx, log, goParts(reqs), pins)
		if err != nil {
			return result(err)
		}
		if len(built) == 0 {
			return remark("already built")
		}
		return remark("built %v", built)
	}}
}

// buildServers builds the parts whose stamp is not fresh and returns their
// names.
func (b *bench) buildServers(ctx context.Context, log io.Writer, parts []testenv.Part, pins []string) ([]string, error) {
	var built []string
	for _, p := range parts {
		name := path.Base(p.Name)
		mark := b.newStamp("server-"+name, []string{p.Path}, append(slices.Clone(pins), p.Name, runtime.Version())...)
		if mark.fresh() {
			continue
		}
		build := func() error { return b.run(ctx, log, serversDir, nil, buildServerArgs(p.Path, p.Name)...) }
		if err := first(mark.remove, b.makeBin, build, mark.write); err != nil {
			return built, err
		}
		built = append(built, name)
	}
	return built, nil
}

// goParts lists the parts that are built from the nested module, each once.
func goParts(reqs []testenv.Requirement) []testenv.Part {
	var parts []testenv.Part
	for _, r := range reqs {
		for _, p := range r.Parts {
			same := func(q testenv.Part) bool { return q.Name == p.Name }
			if p.Source == testenv.Go && !slices.ContainsFunc(parts, same) {
				parts = append(parts, p)
			}
		}
	}
	return parts
}

// modulePins reads what pins the dependencies of the module in dir, and the
// module's own source.
func modulePins(dir string) ([]string, error) {
	names, err := goFiles(dir)
	if err != nil {
		return nil, err
	}
	names = append(names, "go.mod", "go.sum")
	var pins []string
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("read the pins of the Go servers: %w", err)
		}
		pins = append(pins, name, string(text))
	}
	return pins, nil
}
