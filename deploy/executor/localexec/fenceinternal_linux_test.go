package localexec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

func fenceOn(t *testing.T, fsys durable.FS, dir string, epoch uint64) *fence {
	t.Helper()
	f, err := newFence(filepath.Join(dir, "fence"), "dev/api", epoch)
	require.NoError(t, err)
	f.fsys = fsys
	return f
}

// An epoch that was taken stays taken, whatever a power cut leaves, and the
// next takeover works. Each sync that this needs is proven to be needed.
func TestFencePowerCut(t *testing.T) {
	dir := t.TempDir()
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	for epoch := range uint64(3) {
		require.NoError(t, fenceOn(t, rec, dir, epoch+1).takeOver(t.Context()))
		rec.Mark(fmt.Sprint(epoch + 1))
	}
	survived := func(s powercut.State) error {
		taken := uint64(0)
		if len(s.Marks) > 0 {
			if _, err := fmt.Sscan(s.Marks[len(s.Marks)-1], &taken); err != nil {
				return err
			}
		}
		for epoch := uint64(1); epoch <= taken; epoch++ {
			if err := fenceOn(t, durable.OS{}, s.Dir, epoch).takeOver(t.Context()); !errors.Is(err, deploy.ErrFenced) {
				return fmt.Errorf("epoch %d after epoch %d was taken: %v", epoch, taken, err)
			}
		}
		next := fenceOn(t, durable.OS{}, s.Dir, 9)
		return errors.Join(next.takeOver(t.Context()), next.holds())
	}
	require.NoError(t, rec.Recording().Prove(nil, survived))
}

// A takeover that is killed after any operation is no obstacle for the next.
func TestFenceKilledTakeover(t *testing.T) {
	kills := 0
	for ; ; kills++ {
		dir := t.TempDir()
		rec, err := powercut.New(dir)
		require.NoError(t, err)
		require.NoError(t, fenceOn(t, rec, dir, 1).takeOver(t.Context()))
		rec.KillAfter(kills)
		err = fenceOn(t, rec, dir, 2).takeOver(t.Context())
		next := fenceOn(t, durable.OS{}, dir, 3)
		require.NoError(t, next.takeOver(t.Context()))
		require.NoError(t, next.holds())
		require.ErrorIs(t, fenceOn(t, durable.OS{}, dir, 2).takeOver(t.Context()), deploy.ErrFenced)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, powercut.ErrKilled)
	}
	t.Logf("killed after each of %d operations", kills)
	require.GreaterOrEqual(t, kills, 4)
}

// What another boot, a stranger with a number used again, or a newer program
// wrote: the stranger lives, and only the last keeps the takeover away.
func TestFenceLeftClaims(t *testing.T) {
	c := exec.Command("sleep", "60")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, c.Start())
	t.Cleanup(func() { _, _ = c.Process.Kill(), c.Wait() })
	stranger, err := identify(c.Process.Pid)
	require.NoError(t, err)
	self, err := identify(os.Getpid())
	require.NoError(t, err)

	older, rebooted := stranger, stranger
	older.Ticks--
	rebooted.Boot = "another"
	dead := self
	dead.Boot = "another"
	for name, what := range map[string]struct {
		version    int
		controller Process
		leader     Process
		tail, want string
	}{
		"number used again":  {version: 1, controller: self, leader: older},
		"another boot":       {version: 1, controller: dead, leader: rebooted},
		"torn second line":   {version: 1, controller: self, tail: `{"pid":`},
		"not started":        {version: 1, controller: self},
		"of a newer program": {version: 2, controller: self, want: "version 2"},
		"damaged":            {version: 1, controller: self, tail: "?\n", want: "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := fenceOn(t, durable.OS{}, dir, 1)
			require.NoError(t, first.takeOver(t.Context()))
			raw, err := json.Marshal(claimed{Version: what.version, Program: "sleep", Controller: what.controller})
			require.NoError(t, err)
			text := string(raw) + "\n" + what.tail
			if what.leader.PID > 0 {
				raw, err = json.Marshal(what.leader)
				require.NoError(t, err)
				text += string(raw) + "\n"
			}
			file := filepath.Join(first.dir, "1-AAAA"+claimSuffix)
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			err = fenceOn(t, durable.OS{}, dir, 2).takeOver(t.Context())
			if what.want != "" {
				require.ErrorContains(t, err, what.want)
				require.ErrorContains(t, err, file)
				return
			}
			require.NoError(t, err)
			require.NoFileExists(t, file)
			require.True(t, alive(stranger))
		})
	}
}

// A neighbour in the group of the program that takes over, such as the tee of
// `program | tee log` at the same terminal as the killed one, holds nothing,
// though the program itself opens the file to see whether it is free.
func TestFenceNeighbour(t *testing.T) {
	dir := t.TempDir()
	first := fenceOn(t, durable.OS{}, dir, 1)
	require.NoError(t, first.takeOver(t.Context()))
	c := exec.Command("sleep", "60") // in the group of this program
	require.NoError(t, c.Start())
	t.Cleanup(func() { _, _ = c.Process.Kill(), c.Wait() })
	neighbour, err := identify(c.Process.Pid)
	require.NoError(t, err)
	self, err := readStat(os.Getpid())
	require.NoError(t, err)
	dead, err := identify(self.pid)
	require.NoError(t, err)
	dead.Ticks--
	raw, err := json.Marshal(claimed{Version: fenceVersion, Program: "migrate", Controller: dead, Session: self.session, Group: self.pgrp + 1})
	require.NoError(t, err)
	file := filepath.Join(first.dir, "1-AAAA"+claimSuffix)
	require.NoError(t, os.WriteFile(file, append(raw, '\n'), 0o600))
	require.NoError(t, fenceOn(t, durable.OS{}, dir, 2).takeOver(t.Context()))
	require.NoFileExists(t, file)
	require.True(t, alive(neighbour))
}

// What cannot be ended is waited for no longer than documented.
func TestFenceWaitIsBounded(t *testing.T) {
	dir := t.TempDir()
	first := fenceOn(t, durable.OS{}, dir, 1)
	require.NoError(t, first.takeOver(t.Context()))
	c, err := first.claim(t.Context(), claimed{Version: fenceVersion, Program: "migrate", Grace: 50 * time.Millisecond})
	require.NoError(t, err)
	defer c.drop()
	second := fenceOn(t, durable.OS{}, dir, 2)
	require.Equal(t, fenceWait, second.wait)
	second.wait = 50 * time.Millisecond
	err = second.takeOver(t.Context())
	require.ErrorContains(t, err, "after 100ms something of an earlier controller still runs: command migrate of epoch 1")
	require.ErrorContains(t, err, fmt.Sprintf("process %d", os.Getpid()))
	require.ErrorIs(t, first.holds(), deploy.ErrFenced)
}

// A takeover that is overtaken while it waits does not succeed.
func TestFenceOvertaken(t *testing.T) {
	dir := t.TempDir()
	first := fenceOn(t, durable.OS{}, dir, 1)
	require.NoError(t, first.takeOver(t.Context()))
	c, err := first.claim(t.Context(), claimed{Version: fenceVersion, Program: "migrate"})
	require.NoError(t, err)
	second := fenceOn(t, durable.OS{}, dir, 2)
	second.wait = time.Minute
	taken := make(chan error, 1)
	go func() { taken <- second.takeOver(t.Context()) }()
	require.Eventually(t, func() bool { return errors.Is(first.holds(), deploy.ErrFenced) }, time.Minute, time.Millisecond)
	third := fenceOn(t, durable.OS{}, dir, 3)
	require.NoError(t, third.raise())
	c.drop()
	require.ErrorIs(t, <-taken, deploy.ErrFenced)
	require.NoError(t, third.holds())
}
