package secrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// NewEnvironment is a source of the variables of this process that are named,
// under their own names; [Rename] gives them others. It reads them at each
// call. Any other variable is not found, also where it is set, so that what
// asks for secrets cannot read the whole environment. A variable that is set
// and empty is an empty secret.
//
// The error tells which name cannot be that of a variable.
func NewEnvironment(variables ...string) (Source, error) {
	for i, name := range variables {
		if err := checkVariable(name); err != nil {
			return nil, fmt.Errorf("secrets: environment: variable %d of %d: %w", i+1, len(variables), err)
		}
	}
	variables = slices.Clone(variables)
	return &source{"environment", func(_ context.Context, name string) (Value, error) {
		if !slices.Contains(variables, name) {
			return Value{}, fmt.Errorf("not among the variables given to NewEnvironment: %w", fs.ErrNotExist)
		}
		text, ok := os.LookupEnv(name)
		if !ok {
			return Value{}, fmt.Errorf("the variable is not set: %w", fs.ErrNotExist)
		}
		var v Value
		err := v.UnmarshalText([]byte(text))
		return v, err
	}}, nil
}

func checkVariable(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case strings.ContainsAny(name, "=\x00"):
		// The text may be NAME=value, so it is not shown.
		return errors.New(`the name holds "=" or a NUL byte; give the name alone`)
	}
	return nil
}
