package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

func main() {
	dir := flag.String("dir", "examples/config", "the folder with env/ and .env.example")
	check := flag.Bool("check", false, "fail if .env.example is stale, instead of writing it")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "config:", err)
		os.Exit(1)
	}
}

// run shows what can be known of the environments and brings .env.example up
// to date. It fails where something is wrong that is not meant to be.
func run(ctx context.Context, w io.Writer, dir string, check bool) error {
	dev, stg, prod := environments()
	ours := os.DirFS(dir)
	good := map[string]*envconfig.Loaded[Config]{}
	for _, env := range []envconfig.Environment{dev, stg, prod} {
		file := "env/" + env.Name + ".env"
		cfg, found, err := load(ctx, ours, file, env)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %d findings\n%s", file, len(found), show(file, found))
		if len(found) > 0 {
			return fmt.Errorf("%s is not fit for %s", file, env.Name)
		}
		good[env.Name] = cfg
	}
	fmt.Fprintf(w, "\nWhat production runs with, and where each value comes from:\n%s", good[prod.Name].Explain())

	bad := "env/stg-bad.env"
	_, found, err := load(ctx, ours, bad, stg)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s: %d findings, as it is meant to have\n%s", bad, len(found), show(bad, found))
	if err := compare(w, good, stg, prod); err != nil {
		return err
	}
	return example(w, filepath.Join(dir, ".env.example"), check)
}

// compare shows how staging has drifted from production, and proves that they
// share no secret and no database. The key of the fingerprints is forgotten; one
// that is kept lets the two be compared on different machines.
func compare(w io.Writer, good map[string]*envconfig.Loaded[Config], stg, prod envconfig.Environment) error {
	prints, err := secrets.NewFingerprinter(secrets.New(rand.Text() + rand.Text()))
	if err != nil {
		return err
	}
	mirror, original := good[stg.Name].Snapshot(stg, prints), good[prod.Name].Snapshot(prod, prints)
	drift, err := envconfig.Diff(original, mirror, exceptions()...)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s", drift)
	return envconfig.CheckShared(original, mirror)
}

// example writes .env.example, or compares it with what it would write.
func example(w io.Writer, path string, check bool) error {
	loader, err := envconfig.NewLoader[Config](nil)
	if err != nil {
		return err
	}
	want, err := loader.Describe().EnvExample()
	if err != nil {
		return err
	}
	have, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	stale := envconfig.CheckGenerated(".env.example", string(have), want)
	switch {
	case stale == nil:
		fmt.Fprintln(w, "\n.env.example is up to date")
		return nil
	case check:
		return stale
	}
	fmt.Fprintln(w, "\n.env.example is written")
	return os.WriteFile(path, []byte(want), 0o644)
}
