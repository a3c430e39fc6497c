package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// example is a program below examples that has to run to its end.
type example struct {
	dir string // relative to the root
	// args are its arguments; REPORT stands for a file that it has to leave
	// behind as JSON, and FOLDER begins the names in a new folder.
	args []string
}

// reportArg stands for the path of the report in an example's arguments.
const reportArg = "REPORT"

// folderArg stands for a new folder, which is removed afterwards.
const folderArg = "FOLDER"

// exampleRuns is how each example is run. A program that is not listed fails
// the step, so that none is forgotten.
var exampleRuns = []example{
	{dir: "examples/config", args: []string{"-check"}},
	{dir: "examples/health", args: []string{"-once"}},
	// An example needs no server, so pgops does what it can without one.
	{dir: "examples/pgops", args: []string{"init", "-repo", folderArg + "/repository", "-keys", folderArg + "/keys", "-recipient", exampleRecipient}},
	{dir: "examples/release", args: []string{"demo"}},
	{dir: "examples/quickstart", args: []string{"-report", reportArg}},
}

// exampleRecipient is a public key whose identity nobody has.
const exampleRecipient = "age1sks8s08av8y6ef4qcp90rhlh6jw487fzz46ehk3j89m2ffhtz35qfffmzj"

// exampleArgs is the command line that runs an example.
func exampleArgs(e example, report, folder string) []string {
	argv := []string{"go", "run", "./" + e.dir}
	for _, arg := range e.args {
		if arg == reportArg {
			arg = report
		}
		argv = append(argv, strings.Replace(arg, folderArg, folder, 1))
	}
	return argv
}

// exampleStep runs one example; its exit code counts, and so does its report.
func exampleStep(b *bench, e example) step {
	return step{"run " + e.dir, func(ctx context.Context, log io.Writer) outcome {
		report := b.tools("logs", fileName(e.dir)+".json")
		if err := os.Remove(report); err != nil && !os.IsNotExist(err) {
			return result(err)
		}
		folder, err := os.MkdirTemp("", "example-")
		if err != nil {
			return result(err)
		}
		defer os.RemoveAll(folder)
		if err := b.run(ctx, log, ".", nil, exampleArgs(e, report, folder)...); err != nil {
			return result(err)
		}
		if !slices.Contains(e.args, reportArg) {
			return outcome{status: passed}
		}
		text, err := os.ReadFile(report)
		if err != nil {
			return fail("it reported success and left no report: %v", err)
		}
		if !json.Valid(text) {
			return fail("its report is no JSON")
		}
		return outcome{status: passed}
	}}
}

// examplesStep checks that every program directly below examples is run.
// Programs further down belong to one of those.
func examplesStep(b *bench) step {
	return step{"every example is run", func(ctx context.Context, log io.Writer) outcome {
		var out bytes.Buffer
		c := command{
			argv: []string{"go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./examples/..."},
			dir:  b.root, env: b.env(), stdout: io.MultiWriter(&out, log),
		}
		if err := b.exec(ctx, c, log); err != nil {
			return result(err)
		}
		return result(unlisted(strings.Fields(out.String()), exampleRuns))
	}}
}

// unlisted compares the programs that are there with those that are run.
func unlisted(programs []string, runs []example) error {
	var dirs []string
	for _, program := range programs {
		dir := strings.TrimPrefix(program, rootModule+"/")
		if strings.Count(dir, "/") != 1 {
			continue
		}
		dirs = append(dirs, dir)
		if !slices.ContainsFunc(runs, func(e example) bool { return e.dir == dir }) {
			return fmt.Errorf("nothing runs %s: add it to exampleRuns in internal/cmd/check/examples.go", dir)
		}
	}
	for _, e := range runs {
		if !slices.Contains(dirs, e.dir) {
			return fmt.Errorf("there is no program %s, which exampleRuns in internal/cmd/check/examples.go lists", e.dir)
		}
	}
	return nil
}
