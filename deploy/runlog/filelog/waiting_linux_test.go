package filelog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// An append of another process is not taken for a torn record: Read waits for
// its end.
func TestReadWaitsForAnAppend(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.jsonl")
	require.NoError(t, os.WriteFile(name, []byte("{\"n\":1}\n{\"n\""), 0o600))
	release := holdLock(t, name)
	done := make(chan error, 1)
	go func() {
		_, err := read(newLog(t, dir), "a", 1)
		done <- err
	}()
	for !isWaitedFor(t, name) {
		select {
		case err := <-done:
			require.Fail(t, "Read did not wait", "%v", err)
		default:
		}
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.Write([]byte(":2}\n"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	release()
	require.NoError(t, <-done)
}

// isWaitedFor tells whether somebody waits for the lock of a file.
func isWaitedFor(t *testing.T, name string) bool {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	inode := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
	locks, err := os.ReadFile("/proc/locks")
	require.NoError(t, err)
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "-> FLOCK") && strings.Contains(line, inode) {
			return true
		}
	}
	return false
}
