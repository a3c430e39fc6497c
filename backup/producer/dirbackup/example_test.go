package dirbackup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/dirbackup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

func ExampleNew() {
	if err := example(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1: 2 files, 0 of them in an earlier backup
	// 2: 2 files, 1 of them in an earlier backup
	// restored: hello, world
}

func example(ctx context.Context) error {
	scratch, err := os.MkdirTemp("", "example-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	uploads := filepath.Join(scratch, "uploads")
	if err := os.Mkdir(uploads, 0o750); err != nil {
		return err
	}

	store, err := filestore.New(filepath.Join(scratch, "repository"))
	if err != nil {
		return err
	}
	operator, err := age.GenerateX25519Identity() // kept far from here
	if err != nil {
		return err
	}
	keys, err := backup.Init(ctx, store, backup.InitOptions{Operators: []string{operator.Recipient().String()}})
	if err != nil {
		return err
	}
	w, err := backup.OpenWriter(ctx, store, keys.Writer, nil)
	if err != nil {
		return err
	}
	p, err := dirbackup.New(uploads, &dirbackup.Options{Source: "uploads of the API", Exclude: []string{"*.tmp"}})
	if err != nil {
		return err
	}
	var made *backup.Backup
	for i, text := range []string{"hello", "hello, world"} {
		for name, content := range map[string]string{"greeting.txt": text, "logo.svg": "<svg/>", "half.tmp": "..."} {
			if err := os.WriteFile(filepath.Join(uploads, name), []byte(content), 0o640); err != nil {
				return err
			}
		}
		if made, err = w.Backup(ctx, p); err != nil {
			return err
		}
		var d dirbackup.Details
		if err := json.Unmarshal(made.Details, &d); err != nil {
			return err
		}
		fmt.Printf("%d: %d files, %d of them in an earlier backup\n", i+1, made.Files, d.Referred)
	}

	r, err := backup.OpenReader(ctx, store, secrets.New(operator.String()), &backup.ReaderOptions{Fingerprint: keys.Fingerprint})
	if err != nil {
		return err
	}
	restored := filepath.Join(scratch, "restored")
	if _, err := dirbackup.Restore(ctx, r, made.ID, restored, nil); err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(restored, "greeting.txt"))
	if err != nil {
		return err
	}
	fmt.Printf("restored: %s\n", content)
	return nil
}
