//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package switchover

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunIsUnsupported(t *testing.T) {
	s, err := New(filepath.Join(t.TempDir(), "s"), nil)
	require.NoError(t, err)
	require.ErrorIs(t, s.Run(t.Context()), errors.ErrUnsupported)
}
