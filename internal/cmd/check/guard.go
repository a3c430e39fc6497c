package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// guardMark stands in every file that a guard writes, so that a file left by a
// run that was killed is known and taken away by the next one.
const guardMark = "# written by internal/cmd/check of github.com/masaruk/devops"

// savedSuffix is added to the name of a file that a guard replaced.
const savedSuffix = ".before-devops-check"

func nothingToUndo() error { return nil }

// guardServices makes Debian's policy-rc.d refuse to start any service (exit
// status 101). A policy-rc.d that refuses already is left alone; another one is
// kept beside and put back by restore.
func guardServices(ctx context.Context, system string) (restore func() error, err error) {
	path := filepath.Join(system, "usr/sbin/policy-rc.d")
	text, err := os.ReadFile(path)
	ours := strings.Contains(string(text), guardMark)
	switch {
	case err == nil && !ours && refusesServices(ctx, path):
		return nothingToUndo, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nothingToUndo, err
	}
	return replaceFile(path, "#!/bin/sh\n"+guardMark+"\nexit 101\n", 0o755)
}

// refusesServices reports whether a policy-rc.d refuses to start a service.
func refusesServices(ctx context.Context, path string) bool {
	var exit *exec.ExitError
	err := exec.CommandContext(ctx, path, "devops-check", "start").Run()
	return errors.As(err, &exit) && exit.ExitCode() == 101
}

// guardCluster tells postgresql-common to create no cluster for a server that
// gets installed. Where its configuration is not there yet, it stays, because
// the package would ask about it when it is gone; else it is put back.
func guardCluster(system string) (restore func() error, err error) {
	const setting = "create_main_cluster = false\n"
	path := filepath.Join(system, "etc/postgresql-common/createcluster.conf")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nothingToUndo, err
		}
		return nothingToUndo, os.WriteFile(path, []byte(setting), 0o644)
	}
	if err != nil {
		return nothingToUndo, err
	}
	if ours := strings.Contains(string(text), guardMark); !ours && createsNoCluster(string(text)) {
		return nothingToUndo, nil
	}
	return replaceFile(path, string(text)+"\n"+guardMark+"\n"+setting, 0o644)
}

// createsNoCluster reports whether a createcluster.conf says so; the last
// setting counts.
func createsNoCluster(conf string) bool {
	value := "true"
	for line := range strings.Lines(conf) {
		line, _, _ = strings.Cut(line, "#")
		if name, v, found := strings.Cut(line, "="); found && strings.TrimSpace(name) == "create_main_cluster" {
			value = strings.Trim(strings.TrimSpace(v), "'")
		}
	}
	return value == "false" || value == "off" || value == "no" || value == "0"
}

// replaceFile puts text at path and returns what restores the state before: the
// file that was there, or none. A file that an earlier run saved and had no
// time to restore counts as what was there.
func replaceFile(path, text string, mode fs.FileMode) (restore func() error, err error) {
	saved := path + savedSuffix
	if _, err := os.Lstat(saved); errors.Is(err, fs.ErrNotExist) {
		old, err := os.ReadFile(path)
		if err == nil && !strings.Contains(string(old), guardMark) {
			if err := os.Rename(path, saved); err != nil {
				return nothingToUndo, err
			}
		}
	}
	restore = func() error {
		err := os.Rename(saved, path)
		if errors.Is(err, fs.ErrNotExist) {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("restore %s: %w", path, err)
		}
		return nil
	}
	next := path + ".new"
	if err := os.WriteFile(next, []byte(text), mode); err != nil {
		return restore, err
	}
	if err := os.Chmod(next, mode); err != nil {
		return restore, err
	}
	return restore, os.Rename(next, path)
}
