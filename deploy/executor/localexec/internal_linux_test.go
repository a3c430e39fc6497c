package localexec

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	rest := " 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 0 0"
	s, err := parseStat("42 (a) R (b) S" + rest + "\n")
	require.NoError(t, err)
	require.Equal(t, stat{pid: 42, ppid: 1, pgrp: 2, session: 3, comm: "a) R (b", start: 98765}, s)
	s, err = parseStat("42 (sh) Z" + rest)
	require.NoError(t, err)
	require.True(t, s.dead)
	for _, bad := range []string{"", "42", "42 (sh", "42 (sh) R", "x (sh) R" + rest, "42 (sh) R 1 2 3"} {
		_, err := parseStat(bad)
		require.Error(t, err, bad)
	}
}

func FuzzParseStat(f *testing.F) {
	self, err := os.ReadFile("/proc/self/stat")
	require.NoError(f, err)
	f.Add(string(self))
	f.Add("1 (a b) c) Z 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 0 0")
	f.Add(") (")
	f.Fuzz(func(t *testing.T, text string) { _, _ = parseStat(text) })
}

func TestTail(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []byte
	var got tail
	for range 300 {
		n := r.IntN(3000)
		if r.IntN(20) == 0 {
			n = r.IntN(3 * tailBytes)
		}
		chunk := bytes.Repeat([]byte{byte('a' + r.IntN(26))}, n)
		all = append(all, chunk...)
		got.add(chunk)
		require.True(t, bytes.Equal(all[max(0, len(all)-tailBytes):], got.bytes()))
	}
}

func TestLastBytesKeepsCharactersWhole(t *testing.T) {
	require.Equal(t, "éé", lastBytes([]byte("aéé\n"), 4))
	require.Equal(t, "é", lastBytes([]byte("aéé"), 3))
	require.Equal(t, "abc", lastBytes([]byte(" abc "), 10))
	require.Len(t, lastBytes(bytes.Repeat([]byte{0x80}, 100), 50), 46, "what is no text is not thrown away")
}

// A program file that is still open for writing is waited for.
func TestStartBusy(t *testing.T) {
	sleep, err := os.ReadFile("/bin/true")
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "program")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o700)
	require.NoError(t, err)
	_, err = f.Write(sleep)
	require.NoError(t, err)
	tries := 0
	c, err := startBusy(t.Context(), func() *exec.Cmd {
		if tries++; tries == 3 {
			require.NoError(t, f.Close())
		}
		return exec.Command(name)
	})
	require.NoError(t, err)
	require.NoError(t, c.Wait())
	require.GreaterOrEqual(t, tries, 3)
}

// A command that had ended when ctx did is not reported as cancelled: its
// effect is there.
func TestSettleAfterTheEnd(t *testing.T) {
	c := exec.Command("true")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, c.Run())
	r := &running{pgid: c.Process.Pid, cmd: c, exited: make(chan struct{}), abort: make(chan error, 1)}
	close(r.exited)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 { // select takes any that is ready
		require.NoError(t, r.settle(ctx, time.Second).cause)
	}
}
