//go:build !linux

package testenv

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

func guardCommand(context.Context, string) (*exec.Cmd, error) {
	return nil, fmt.Errorf("start a guard: %w", errors.ErrUnsupported)
}
