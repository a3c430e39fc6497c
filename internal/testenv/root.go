package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const modulePath = "github.com/masaruk/devops"

// Root returns the root of the checkout: the nearest folder, from the working
// directory upwards, whose go.mod names the module github.com/masaruk/devops.
// Nested modules are passed by. It fails outside a checkout.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout root: %w", err)
	}
	for dir := start; ; {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the checkout root: %w", err)
		}
		if declaresModule(string(text)) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find the checkout root: no go.mod of %s in %s or above", modulePath, start)
		}
		dir = parent
	}
}

func declaresModule(goMod string) bool {
	for line := range strings.Lines(goMod) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "module" {
			return f[1] == modulePath
		}
	}
	return false
}

// ToolsDir returns the folder that holds everything the test command
// installs for this checkout: .tools at its root, ignored by git. It need not
// exist yet.
func ToolsDir() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".tools"), nil
}

// Node returns the Node.js program to use: the one below [ToolsDir] where the
// test command had to provide it, else the one on the PATH.
func Node() (string, error) {
	tools, err := ToolsDir()
	if err != nil {
		return "", err
	}
	if own := filepath.Join(tools, "node", "bin", "node"); isFile(own) {
		return own, nil
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return "", fmt.Errorf("find Node.js: %w", err)
	}
	return node, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
