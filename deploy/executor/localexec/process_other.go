//go:build !linux

package localexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

func unsupported() error {
	return fmt.Errorf("localexec: processes that outlive the program on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func startDetached(context.Context, *prepared, *os.File) (Process, error) {
	return Process{}, unsupported()
}

func alive(Process) bool { return false }

func stop(context.Context, Process, time.Duration) (bool, error) { return false, unsupported() }

func marked(string) ([]Process, error) { return nil, unsupported() }

func end(context.Context, []Process, time.Duration) error { return unsupported() }
