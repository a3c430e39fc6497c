package agesource_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/masaruk/devops/secrets/source/agesource"
)

func ExampleNew() {
	dir, err := os.MkdirTemp("", "agesource-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	// What age-keygen and age do: an identity, and a file encrypted for it.
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		panic(err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, identity.Recipient())
	if err != nil {
		panic(err)
	}
	fmt.Fprint(w, `{"db/password": "correct horse"}`)
	if err := w.Close(); err != nil {
		panic(err)
	}
	key, file := filepath.Join(dir, "age.key"), filepath.Join(dir, "secrets.age")
	if err := errors.Join(os.WriteFile(key, []byte(identity.String()), 0o600), os.WriteFile(file, sealed.Bytes(), 0o644)); err != nil {
		panic(err)
	}

	source, err := agesource.New(file, &agesource.Options{IdentityFile: key})
	if err != nil {
		panic(err)
	}
	password, err := source.Lookup(context.Background(), "db/password")
	fmt.Println(password, len(password.Reveal()), err)
	_, err = source.Lookup(context.Background(), "api/key")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// [redacted] 13 <nil>
	// true
}
