package backup_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

// greeting is a Producer of one file.
type greeting struct{}

func (greeting) Kind() string { return "greeting" }

func (greeting) Produce(_ context.Context, s *backup.Session) (any, error) {
	const text = "hello\n"
	_, err := s.Add(backup.Entry{Path: "hello", Type: backup.EntryFile, Mode: 0o600, Size: int64(len(text))}, strings.NewReader(text))
	return nil, err
}

// example makes a repository in a new folder.
func example() (ctx context.Context, store backup.Store, keys *backup.Keys, identity secrets.Value, end func()) {
	ctx = context.Background()
	dir, err := os.MkdirTemp("", "example-")
	check(err)
	files, err := filestore.New(filepath.Join(dir, "repository"))
	check(err)
	operator, err := age.GenerateX25519Identity() // age-keygen does this for people
	check(err)
	keys, err = backup.Init(ctx, files, backup.InitOptions{Operators: []string{operator.Recipient().String()}})
	check(err)
	return ctx, files, keys, secrets.New(operator.String()), func() { check(os.RemoveAll(dir)) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleInit() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example-")
	check(err)
	defer os.RemoveAll(dir)
	store, err := filestore.New(filepath.Join(dir, "repository"))
	check(err)
	daily, err := age.GenerateX25519Identity()
	check(err)
	offline, err := age.GenerateX25519Identity()
	check(err)
	keys, err := backup.Init(ctx, store, backup.InitOptions{
		Operators: []string{daily.Recipient().String(), offline.Recipient().String()},
		Save: func(keys *backup.Keys) error { // before the repository exists
			return os.WriteFile(filepath.Join(dir, "writer.key"), []byte(keys.Writer.Reveal()), 0o600)
		},
	})
	check(err)
	fmt.Println(strings.HasPrefix(keys.Fingerprint, "sha256:"), keys.Writer)
	// Output: true [redacted]
}

func ExampleWriter_Backup() {
	ctx, store, keys, _, end := example()
	defer end()
	w, err := backup.OpenWriter(ctx, store, keys.Writer, nil)
	check(err)
	made, err := w.Backup(ctx, greeting{})
	check(err)
	fmt.Println(made.Kind, made.Files, made.Bytes)
	// Output: greeting 1 6
}

func ExampleReader_Restore() {
	ctx, store, keys, identity, end := example()
	defer end()
	w, err := backup.OpenWriter(ctx, store, keys.Writer, nil)
	check(err)
	made, err := w.Backup(ctx, greeting{})
	check(err)

	r, err := backup.OpenReader(ctx, store, identity, &backup.ReaderOptions{Fingerprint: keys.Fingerprint})
	check(err)
	v, err := r.Verify(ctx, made.ID, &backup.VerifyOptions{Deep: true})
	check(err)
	fmt.Println("verified", v.Objects, "objects")
	dir, err := os.MkdirTemp("", "restored-")
	check(err)
	defer os.RemoveAll(dir)
	_, err = r.Restore(ctx, made.ID, dir, nil)
	check(err)
	f, err := os.Open(filepath.Join(dir, "hello"))
	check(err)
	defer f.Close()
	_, err = io.Copy(os.Stdout, f)
	check(err)
	// Output:
	// verified 2 objects
	// hello
}

func ExampleKeeper_Delete() {
	ctx, store, keys, _, end := example()
	defer end()
	w, err := backup.OpenWriter(ctx, store, keys.Writer, nil)
	check(err)
	old, err := w.Backup(ctx, greeting{})
	check(err)

	k, err := backup.OpenKeeper(ctx, store, keys.Keeper, nil)
	check(err)
	check(k.GiveUp(ctx, "older than 30 days", old.ID))
	rep, err := k.Delete(ctx) // once a day
	check(err)
	fmt.Println("deleted", len(rep.Backups), "and waiting for the grace", len(rep.Waiting))
	// Output: deleted 0 and waiting for the grace 1
}
