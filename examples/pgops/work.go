package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/pgbackup"
)

// doctor looks at everything that a backup needs, and reports all that is wrong.
func doctor(ctx context.Context, c *call) error {
	w, err := c.writer(ctx)
	if err == nil {
		for _, listErr := range w.List(ctx) {
			err = errors.Join(err, listErr)
		}
	}
	p, dsnErr := pgbackup.New(c.conninfo, nil)
	if dsnErr == nil {
		dsnErr = p.Preflight(ctx)
	}
	if err := errors.Join(err, dsnErr); err != nil {
		return err
	}
	return c.print(map[string]bool{"fit": true}, func(w io.Writer) { fmt.Fprintln(w, "The repository and the server are fit for a backup.") })
}

// makeBackup makes a full backup.
func makeBackup(ctx context.Context, c *call) error {
	w, err := c.writer(ctx)
	if err != nil {
		return err
	}
	bar := newBar(c, "backup")
	p, err := pgbackup.New(c.conninfo, &pgbackup.Options{RateLimit: c.rate, Progress: func(p pgbackup.Progress) { bar.set(p.Done, p.Estimate) }})
	if err != nil {
		return err
	}
	made, err := w.Backup(ctx, p)
	bar.end()
	if err != nil {
		return err
	}
	return c.print(made, func(w io.Writer) {
		fmt.Fprintf(w, "Backup %s: %d files of %s, %s stored in %s.\n", made.ID, made.Files, size(made.Bytes), size(made.Stored), made.Ended.Sub(made.Started).Round(time.Millisecond))
	})
}

// listed is a line of list, as JSON.
type listed struct {
	*backup.Listing
	Restorable bool   `json:"restorable"`
	Error      string `json:"error,omitempty"`
}

// list lists all backups, and fails when the record of one cannot be believed.
func list(ctx context.Context, c *call) error {
	w, err := c.writer(ctx)
	if err != nil {
		return err
	}
	all := []listed{}
	var errs []error
	for l, err := range w.List(ctx) {
		if l == nil {
			return err
		}
		line := listed{Listing: l, Restorable: err == nil && l.Restorable()}
		if err != nil {
			line.Error = err.Error()
			errs = append(errs, err)
		}
		all = append(all, line)
	}
	err = c.print(all, func(w io.Writer) {
		tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tab, "ID\tKIND\tTOOK\tFILES\tBYTES\tSTORED\tSTATE")
		for _, l := range all {
			fmt.Fprintf(tab, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", l.ID, l.Kind, l.Ended.Sub(l.Started).Round(time.Second), l.Files, size(l.Bytes), size(l.Stored), state(l))
		}
		_ = tab.Flush()
	})
	return errors.Join(append(errs, err)...)
}

// state is what the records say of a backup, in a word or two.
func state(l listed) string {
	switch {
	case l.Error != "":
		return "record damaged"
	case l.Void != "":
		return "void"
	case l.Tombstone != nil:
		return "given up"
	case len(l.Verified) == 0:
		return "complete"
	}
	last := l.Verified[len(l.Verified)-1]
	if last.Deep {
		return "verified " + last.Time.Format(time.DateOnly)
	}
	return "complete, all objects there " + last.Time.Format(time.DateOnly)
}

// verify compares one backup with what was stored.
func verify(ctx context.Context, c *call) error {
	r, err := c.reader(ctx)
	if err != nil {
		return err
	}
	bar := newBar(c, "verify")
	total := int64(0)
	if l, err := r.Last(ctx); err == nil && c.backup == "" {
		for _, o := range l.Objects {
			total += o.Size
		}
	}
	v, err := r.Verify(ctx, c.backup, &backup.VerifyOptions{Deep: c.deep, Progress: func(n int64) { bar.add(n, total) }})
	bar.end()
	if err != nil {
		return err
	}
	return c.print(v, func(w io.Writer) {
		what := "all objects are there, and the index is whole"
		if v.Deep {
			what = "all content is what was stored"
		}
		fmt.Fprintf(w, "Backup %s: %s (%d objects, %s).\n", v.Backup, what, v.Objects, size(v.Bytes))
	})
}

// restore makes a data directory, or says what it would do.
func restore(ctx context.Context, c *call) error {
	r, err := c.reader(ctx)
	if err != nil {
		return err
	}
	opts := &pgbackup.RestoreOptions{Tablespaces: map[string]string{}}
	for _, text := range c.tablespaces {
		oid, dir, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("-tablespace %q is not OID=FOLDER", text)
		}
		opts.Tablespaces[oid] = dir
	}
	plan, err := pgbackup.Plan(ctx, r, c.backup, c.target, opts)
	if err != nil {
		return err
	}
	if c.dryRun {
		err := c.print(plan, func(w io.Writer) {
			fmt.Fprintf(w, "Backup %s to %s: %d files of %s, %s to fetch.\n", plan.Backup.ID, plan.Target, plan.Files, size(plan.Bytes), size(plan.Fetch))
		})
		if len(plan.Problems) > 0 {
			err = errors.Join(err, errors.New(strings.Join(plan.Problems, "; ")))
		}
		return err
	}
	bar := newBar(c, "restore")
	opts.Progress = func(n int64) { bar.add(n, plan.Bytes) }
	rep, err := pgbackup.Restore(ctx, r, plan.Backup.ID, c.target, opts)
	bar.end()
	if err != nil {
		return err
	}
	var d pgbackup.Details
	if err := json.Unmarshal(rep.Backup.Details, &d); err != nil {
		return err
	}
	return c.print(rep, func(w io.Writer) {
		fmt.Fprintf(w, "Backup %s is in %s: %d files of %s in %s.\n", rep.Backup.ID, rep.Target, rep.Files, size(rep.Bytes), rep.Duration.Round(time.Millisecond))
		fmt.Fprintf(w, "Hand it to the server's user, and start PostgreSQL %d on it; it is consistent when it answers.\n", d.Version/10000)
	})
}
