//go:build !linux

package localexec

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

func (*fence) takeOver(context.Context) error {
	return fmt.Errorf("on %s: %w; leave Options.Fence empty there", runtime.GOOS, errors.ErrUnsupported)
}

func (*fence) claim(context.Context, claimed) (*claim, error) { return nil, errors.ErrUnsupported }

func identify(int) (Process, error) { return Process{}, errors.ErrUnsupported }
