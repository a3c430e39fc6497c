package progress

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, name string, flag int) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, flag, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestIsTerminal(t *testing.T) {
	tty := open(t, "/dev/ptmx", os.O_RDWR)
	t.Setenv("TERM", "xterm")
	require.True(t, isTerminal(tty))
	require.Equal(t, defaultWidth, widthOf(tty, 0), "it does not say")
	require.Equal(t, 33, widthOf(tty, 33))
	require.False(t, isTerminal(open(t, "/dev/null", os.O_WRONLY)), "a character device that is none")
	require.False(t, isTerminal(open(t, filepath.Join(t.TempDir(), "file"), os.O_WRONLY|os.O_CREATE)))
	require.False(t, isTerminal(&bytes.Buffer{}))
	require.False(t, isTerminal((*os.File)(nil)))
	for _, term := range []string{"", "dumb"} {
		t.Setenv("TERM", term)
		require.False(t, isTerminal(tty))
	}
}

func TestNoColor(t *testing.T) {
	for _, tc := range []struct {
		env   string
		opts  Options
		color bool
	}{
		{"", Options{Live: true}, true}, {"1", Options{Live: true}, false}, {"", Options{Live: true, NoColor: true}, false}, {"", Options{Plain: true}, false},
	} {
		t.Setenv("NO_COLOR", tc.env)
		var out bytes.Buffer
		p, err := New(&out, &tc.opts)
		require.NoError(t, err)
		story(p.Handle, func(_ time.Duration) {})
		require.NoError(t, p.Close())
		require.Equal(t, tc.color, bytes.Contains(out.Bytes(), []byte("\x1b[32m")))
	}
}
