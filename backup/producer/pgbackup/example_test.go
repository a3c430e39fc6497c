package pgbackup_test

import (
	"context"
	"fmt"
	"time"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/pgbackup"
	"github.com/masaruk/devops/secrets"
)

// A password is no part of the connection string.
func ExampleNew() {
	_, err := pgbackup.New("host=db.example user=backup password=seen-by-all", nil)
	fmt.Println(err != nil)

	p, err := pgbackup.New("host=db.example user=backup dbname=postgres", &pgbackup.Options{
		Password:  secrets.New("from a secret store"),
		RateLimit: 50 << 20,
	})
	fmt.Println(p.Kind(), err)
	// Output:
	// true
	// postgresql <nil>
}

// Preflight tells, before the night, why there would be no backup.
func ExampleProducer_Preflight() {
	p, err := pgbackup.New("host=127.0.0.1 port=1 user=backup dbname=postgres", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(p.Preflight(ctx) != nil)
	// Output: true
}

// A backup is made, restored, and proven by a server that answers.
func Example() {
	run := func(ctx context.Context, w *backup.Writer, r *backup.Reader) error {
		p, err := pgbackup.New("host=db.example user=backup dbname=postgres", nil)
		if err != nil {
			return err
		}
		made, err := w.Backup(ctx, p)
		if err != nil {
			return err
		}
		rep, err := pgbackup.Restore(ctx, r, made.ID, "/var/lib/postgresql/15/restored", nil)
		if err != nil {
			return err
		}
		proof, err := pgbackup.Prove(ctx, rep.Backup, rep.Target, nil)
		if err != nil {
			return err
		}
		fmt.Println("consistent at", proof.End)
		return nil
	}
	_ = run
}

// Places in the write-ahead log are written as PostgreSQL does.
func ExampleParseLSN() {
	l, err := pgbackup.ParseLSN("1/2000028")
	fmt.Println(l, uint64(l), err)
	// Output: 1/2000028 4328521768 <nil>
}
