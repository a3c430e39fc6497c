package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

// openStore opens what the URL names.
func openStore(ctx context.Context, repo string) (backup.Store, error) {
	if !strings.Contains(repo, "://") {
		return filestore.New(repo)
	}
	u, err := url.Parse(repo)
	if err != nil {
		return nil, errors.New("-repo is neither a path nor a URL")
	}
	switch u.Scheme {
	case "file":
		return filestore.New(u.Path)
	case "s3":
		return openBucket(ctx, u)
	}
	return nil, fmt.Errorf("-repo: the scheme %q is neither s3 nor file", u.Scheme)
}

// keyFolder is where the keys of a repository are on this machine.
func (c *call) keyFolder() (string, error) {
	if c.keys != "" {
		return c.keys, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("%w; give the folder of the keys with -keys", err)
	}
	repo := c.repo
	if !strings.Contains(repo, "://") {
		if repo, err = filepath.Abs(repo); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256([]byte(repo))
	return filepath.Join(dir, "pgops", hex.EncodeToString(sum[:8])), nil
}

// key reads the key of a role.
func (c *call) key(role backup.Role) (secrets.Value, error) {
	dir, err := c.keyFolder()
	if err != nil {
		return secrets.Value{}, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, string(role)+".key"))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; init makes the keys on the machine that it runs on: copy the one of the %s here, or give its folder with -keys", err, role)
	}
	return secrets.New(string(raw)), err
}

func (c *call) writer(ctx context.Context) (*backup.Writer, error) {
	store, err := openStore(ctx, c.repo)
	if err != nil {
		return nil, err
	}
	key, err := c.key(backup.RoleWriter)
	if err != nil {
		return nil, err
	}
	return backup.OpenWriter(ctx, store, key, nil)
}

func (c *call) reader(ctx context.Context) (*backup.Reader, error) {
	store, err := openStore(ctx, c.repo)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(c.identity)
	if err != nil {
		return nil, err
	}
	r, err := backup.OpenReader(ctx, store, secrets.New(string(raw)), &backup.ReaderOptions{Fingerprint: c.fingerprint})
	if errors.Is(err, backup.ErrKey) {
		err = fmt.Errorf("%w; -identity must be the file of one of the recipients that were given to init, and -fingerprint what it has printed", err)
	}
	return r, err
}

// initialise makes the repository, whose keys are kept before it exists.
func initialise(ctx context.Context, c *call) error {
	store, err := openStore(ctx, c.repo)
	if err != nil {
		return err
	}
	dir, err := c.keyFolder()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	keys, err := backup.Init(ctx, store, backup.InitOptions{Operators: c.recipients, Save: func(k *backup.Keys) error {
		return errors.Join(writeKey(dir, backup.RoleWriter, k.Writer), writeKey(dir, backup.RoleKeeper, k.Keeper))
	}})
	if err != nil {
		return err
	}
	result := struct {
		Repository  string `json:"repository"`
		Fingerprint string `json:"fingerprint"`
		Keys        string `json:"keys"`
	}{c.repo, keys.Fingerprint, dir}
	return c.print(result, func(w io.Writer) {
		fmt.Fprintf(w, "The repository %s is made. Its fingerprint, to keep beside the identities:\n  %s\nThe keys of its Writer and Keeper are in %s.\n", c.repo, keys.Fingerprint, dir)
		if len(c.recipients) < 2 {
			fmt.Fprintln(w, "One recipient can read it: whoever loses that identity loses every backup. Two, kept apart, are better.")
		}
	})
}

// writeKey writes a new file that others cannot read, durably.
func writeKey(dir string, role backup.Role, key secrets.Value) error {
	f, err := os.OpenFile(filepath.Join(dir, string(role)+".key"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%w, and may be the key of a repository that is in use: give another folder with -keys, or remove it where the init that made it has failed", err)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(key.Reveal())
	return errors.Join(err, f.Sync(), f.Close())
}
