//go:build !linux

package guard

import (
	"errors"
	"fmt"
	"io"
)

// Serve fails: the guard needs Linux.
func Serve(io.Reader, io.Writer) error {
	return fmt.Errorf("guard a server: %w", errors.ErrUnsupported)
}
