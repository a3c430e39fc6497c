package envconfig

import (
	"fmt"

	"github.com/masaruk/devops/secrets"
)

// LoadOptions say where variables come from. Nil and the zero value are the
// defaults.
type LoadOptions struct {
	// Prefix and a "_" stand before the name of every variable: with "APP" the
	// field tagged env:"PORT" is APP_PORT, and nothing falls back to PORT.
	Prefix string
	// Inputs are asked in order; the first that has a variable gives it, also
	// if it is empty. Nil means the process environment alone.
	Inputs []Input
	// Secrets answers the references of fields with the option ref.
	Secrets secrets.Source
	// Owned are the beginnings of names, such as "DB_", that belong to this
	// program: a variable with one that no field has is a problem. Prefix is
	// always owned.
	Owned []string
	// Ignore are names that are no problem though no field has them.
	Ignore []string
	// Environment, unless it is nil, is where the program runs: each value that
	// its CheckValues refuses is a problem. That goes for the fields, and for
	// variables that no field has but that stand in a file or are Owned, unless
	// Ignore lists them. One that another input takes the place of is not read.
	Environment *Environment
}

// options checks the options and fills in what follows from them.
func (ld *loader) options() []*Problem {
	var problems []*Problem
	bad := func(field, rule, fix string) {
		problems = append(problems, &Problem{Field: field, Rule: rule, Origin: Origin{Input: "type " + typeName(ld.typ)}, Fix: fix})
	}
	for i, in := range ld.opts.Inputs {
		if in.open == nil {
			bad(fmt.Sprintf("LoadOptions.Inputs[%d]", i), "is an input", "make it with FromProcess, FromMap, FromFile or FromText")
		}
		ld.inputs = append(ld.inputs, in.name)
	}
	if ld.opts.Environment != nil {
		for _, err := range unjoin(ld.opts.Environment.Validate()) {
			bad("LoadOptions.Environment", "is a valid environment", err.Error())
		}
	}
	for i, prefix := range ld.opts.Owned {
		if !validName(prefix) {
			bad(fmt.Sprintf("LoadOptions.Owned[%d]", i), "is the beginning of a name", `write one such as "DB_"`)
		}
	}
	ld.owned = append(ld.owned, ld.opts.Owned...)
	if ld.opts.Prefix != "" {
		ld.owned = append(ld.owned, ld.opts.Prefix+"_")
	}
	return problems
}
