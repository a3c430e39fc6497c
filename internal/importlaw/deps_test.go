package importlaw

import (
	"bytes"
	"debug/buildinfo"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/deps.golden")

// systems are those that the cores are built for.
var systems = []string{"linux/amd64", "darwin/arm64", "windows/amd64"}

// goCommand runs the go command in dir and returns what it prints.
func goCommand(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), append(env, "GOWORK=off", "PWD="+dir)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "go %s\n%s", strings.Join(args, " "), errs.String())
	return out.String()
}

// TestTheCoresDependOnNothingElse compares everything outside of the standard
// library that the packages of floors 0 to 2 link, on any of the systems, with
// the golden table.
func TestTheCoresDependOnNothingElse(t *testing.T) {
	all, err := load(root(t))
	require.NoError(t, err)
	var cores []string
	for _, p := range sorted(all) {
		if at, err := findPlace(p.path); err == nil && standardOnly(at.kind) && at.kind != manual {
			cores = append(cores, p.path)
		}
	}
	deps := dependencies(t, cores)
	var table strings.Builder
	for _, p := range cores {
		fmt.Fprintln(&table, strings.Join(append([]string{p + ":"}, slices.Sorted(maps.Keys(deps[p]))...), " "))
	}
	golden := filepath.Join("testdata", "deps.golden")
	if *update {
		put(t, golden, table.String())
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String(),
		"the dependencies of a core have changed; if that is meant, run: go test ./internal/importlaw -update")
}

// dependencies lists, by package, what it links outside of the standard library
// on any of the systems; our own packages are relative to the module.
func dependencies(t *testing.T, packages []string) map[string]map[string]bool {
	t.Helper()
	deps := map[string]map[string]bool{}
	args := []string{"list", "-f", `{{.ImportPath}} {{join .Deps " "}}`}
	for _, p := range packages {
		args = append(args, "./"+p)
		deps[p] = map[string]bool{}
	}
	for _, system := range systems {
		goos, goarch, _ := strings.Cut(system, "/")
		env := []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0"}
		for line := range strings.Lines(goCommand(t, root(t), env, args...)) {
			fields := strings.Fields(line)
			p := strings.TrimPrefix(fields[0], Module+"/")
			for _, dep := range fields[1:] {
				if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") {
					deps[p][strings.TrimPrefix(dep, Module+"/")] = true
				}
			}
		}
	}
	return deps
}

// linked builds the program in dir and lists the modules that the program says
// are in it, besides its own.
func linked(t *testing.T, dir string) []string {
	t.Helper()
	goCommand(t, dir, []string{"GOFLAGS=" + os.Getenv("GOFLAGS") + " -mod=mod"}, "build", "-o", "program", ".")
	info, err := buildinfo.ReadFile(filepath.Join(dir, "program"))
	require.NoError(t, err)
	var modules []string
	for _, dep := range info.Deps {
		modules = append(modules, dep.Path)
	}
	return modules
}

// program is a module of somebody who uses only deploy, and what uses shows.
func program(t *testing.T, imports, uses, requires string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "go.mod"), "module example.org/user\n\ngo 1.26\n\nrequire "+Module+
		" v0.0.0\n\nreplace "+Module+" => "+root(t)+"\n"+requires)
	put(t, filepath.Join(dir, "main.go"), "package main\n\nimport (\n\t\"fmt\"\n\n\t\""+own("deploy")+"\"\n"+imports+")\n\n"+
		"func main() { fmt.Println(deploy.Command{}, deploy.ErrConflict"+uses+") }\n")
	return dir
}

// TestAProgramOfDeployLinksNoThirdParty builds such a program and reads from it
// which modules are inside.
func TestAProgramOfDeployLinksNoThirdParty(t *testing.T) {
	require.Equal(t, []string{Module}, linked(t, program(t, "", "", "")))
}

// TestLinkedModulesAreSeen proves the instrument of the test above on a program
// that links one module more.
func TestLinkedModulesAreSeen(t *testing.T) {
	dir := program(t, "\t\"example.org/other\"\n", ", other.Name",
		"\nrequire example.org/other v0.0.0\n\nreplace example.org/other => ./other\n")
	put(t, filepath.Join(dir, "other", "go.mod"), "module example.org/other\n\ngo 1.26\n")
	put(t, filepath.Join(dir, "other", "other.go"), "package other\n\nvar Name = \"other\"\n")
	require.ElementsMatch(t, []string{Module, "example.org/other"}, linked(t, dir))
}
