package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// HydrateNPM makes the symbolic links between the libraries of the PostgreSQL
// packages below .tools/npm. Their install script would do it, and npm does
// not run install scripts that nobody approved. Call it after npm has
// installed; calling it again changes nothing.
func HydrateNPM(ctx context.Context) error {
	tools, err := ToolsDir()
	if err != nil {
		return err
	}
	node, err := Node()
	if err != nil {
		return err
	}
	for _, major := range []int{16, 17, 18} {
		dir := npmPackage(tools, major)
		if hydrated(dir) {
			continue
		}
		var out bytes.Buffer
		cmd := exec.CommandContext(ctx, node, filepath.Join("scripts", "hydrate-symlinks.js"))
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("complete npm package %s: %w: %s", postgresName(major), err, tail(out.Bytes(), 1<<10))
		}
	}
	return nil
}

// hydrated reports whether every link that the package in dir declares is
// there.
func hydrated(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "native", "pg-symlinks.json"))
	if err != nil {
		return false
	}
	var links []struct{ Source, Target string }
	if json.Unmarshal(text, &links) != nil {
		return false
	}
	for _, l := range links {
		if _, err := os.Stat(filepath.Join(dir, l.Target)); err != nil {
			return false
		}
	}
	return true
}

// tail returns the last n bytes of text at most.
func tail(text []byte, n int) []byte {
	return text[max(0, len(text)-n):]
}
