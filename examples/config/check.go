package main

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
)

// finding is something wrong with a variable, the place first.
type finding struct {
	line int
	text string
}

// load loads the file of an environment and returns all that is wrong with it:
// what cannot be loaded, what the rules of the environment refuse, and what
// other readers of the file would read otherwise. Nothing in a finding is a
// value.
func load(ctx context.Context, fsys fs.FS, file string, env envconfig.Environment) (*envconfig.Loaded[Config], []finding, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, nil, err
	}
	var found []finding
	cfg, err := envconfig.Load[Config](ctx, &envconfig.LoadOptions{
		Inputs:      []envconfig.Input{envconfig.FromText(file, string(text), dotenv.Node, &envconfig.FileOptions{Closed: true})},
		Environment: &env,
	})
	problems := envconfig.Problems(err)
	if err != nil && len(problems) == 0 {
		return nil, nil, err // nothing that is wrong with the file
	}
	for _, p := range problems {
		found = append(found, finding{p.Origin.Line, fmt.Sprintf("%s: %s; %s", p.Variable, p.Rule, p.Fix)})
	}
	if cfg != nil {
		for _, v := range envconfig.Violations(env.Check(cfg.Value.Settings(env))) {
			found = append(found, finding{text: v.Error()})
		}
	}
	for _, f := range dotenv.Lint(string(text)) {
		if f.Rule == dotenv.RuleIgnored || f.Rule == dotenv.RuleUnterminated {
			continue // loading says so too
		}
		found = append(found, finding{f.Line, fmt.Sprintf("%s: %s; %s", f.Name, f.Why, f.Fix)})
	}
	slices.SortStableFunc(found, func(a, b finding) int { return a.line - b.line })
	return cfg, found, nil
}

// show writes findings with their places, such as env/stg.env:12.
func show(file string, found []finding) string {
	var b strings.Builder
	for _, f := range found {
		place := file
		if f.line > 0 {
			place += fmt.Sprintf(":%d", f.line)
		}
		fmt.Fprintf(&b, "  %s: %s\n", place, f.text)
	}
	return b.String()
}
