package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stamp says that something is installed as its pins demand. It is a file with
// the digest of the pins, written after the installation succeeded.
type stamp struct {
	path string
	// key is the digest of everything that decides what gets installed.
	key string
	// products are the files that the installation left behind. Without one
	// of them the stamp says nothing.
	products []string
}

// newStamp makes the stamp of name in .tools/stamps. Pins are texts such as
// versions and the content of lock files.
func (b *bench) newStamp(name string, products []string, pins ...string) stamp {
	sum := sha256.New()
	for _, pin := range pins {
		fmt.Fprintf(sum, "%d:%s", len(pin), pin)
	}
	return stamp{b.tools("stamps", name), hex.EncodeToString(sum.Sum(nil)), products}
}

// fresh reports whether the installation can be left out.
func (s stamp) fresh() bool {
	text, err := os.ReadFile(s.path)
	if err != nil || strings.TrimSpace(string(text)) != s.key {
		return false
	}
	return !slices.ContainsFunc(s.products, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.Mode().IsRegular()
	})
}

// remove takes the stamp away, before the installation begins to change what
// it speaks of.
func (s stamp) remove() error {
	if err := os.Remove(s.path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// write puts the stamp there. It fails if a product is missing, so an
// installer that lied about its success is found out.
func (s stamp) write() error {
	for _, path := range s.products {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("the installation reported success and left no %s: %w", filepath.Base(path), err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("the installation left %s, which is no file", path)
		}
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return err
	}
	next := s.path + ".new"
	if err := os.WriteFile(next, []byte(s.key+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(next, s.path)
}
