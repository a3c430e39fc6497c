package testenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// guardSource is what the guard program is built from. Its digest names the
// program, so one that is there is the right one, and nobody replaces a
// program that another process is about to start.
//
//go:embed cmd/guard/*.go internal/guard/*.go
var guardSource embed.FS

// guardCommand returns the guard ready to start, in a session of its own, so
// that an interrupt meant for the test does not reach it.
func guardCommand(ctx context.Context, name string) (*exec.Cmd, error) {
	program, err := guardProgram(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, name) // the name is for people who read ps
	cmd.Env = []string{"PATH=" + guardPath, "TMPDIR=" + os.TempDir()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

// guardProgram builds the guard on first use into .tools/bin.
func guardProgram(ctx context.Context) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	digest, err := sourceDigest(guardSource)
	if err != nil {
		return "", fmt.Errorf("build the guard: %w", err)
	}
	bin := filepath.Join(root, ".tools", "bin")
	program := filepath.Join(bin, "testenv-guard-"+digest)
	if isFile(program) {
		return program, nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("build the guard: %w", err)
	}
	scratch, err := os.MkdirTemp(bin, "guard-")
	if err != nil {
		return "", fmt.Errorf("build the guard: %w", err)
	}
	defer os.RemoveAll(scratch)
	built := filepath.Join(scratch, "guard")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", built, "./internal/testenv/cmd/guard")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the guard: %w: %s", err, tail(bytes.TrimSpace(out), 1<<10))
	}
	if err := os.Rename(built, program); err != nil {
		return "", fmt.Errorf("build the guard: %w", err)
	}
	return program, nil
}

// sourceDigest is a digest over the names and the content of fsys.
func sourceDigest(fsys fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), err
}
