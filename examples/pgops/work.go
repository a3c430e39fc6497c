package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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
	for _, v := range slices.Backward(l.Verified) {
		if v.Deep {
			return "verified " + v.Time.Format(time.DateOnly)
		}
	}
	return "complete, all objects there " + l.Verified[len(l.Verified)-1].Time.Format(time.DateOnly)
}

// verify compares one backup with what was stored.
func verify(ctx context.Context, c *call) error {
	r, err := c.reader(ctx)
	if err != nil {
		return err
	}
	bar := newBar(c, "verify")
	total := int64(0)
	for l := range r.List(ctx) { // for the bar only; the newest comes last
		if l != nil && (l.ID == c.backup || c.backup == "" && l.Restorable()) {
			total = 0
			for _, o := range l.Objects {
				total += o.Size
			}
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

// restored is the result of a restore, as JSON.
type restored struct {
	*backup.RestoreReport
	Proof *pgbackup.Proof `json:"proof,omitempty"`
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
		return c.printPlan(plan)
	}
	bar := newBar(c, "restore")
	opts.Progress = func(n int64) { bar.add(n, plan.Bytes) }
	rep, err := pgbackup.Restore(ctx, r, plan.Backup.ID, c.target, opts)
	bar.end()
	if err != nil {
		return err
	}
	result := restored{RestoreReport: rep}
	if c.prove {
		if result.Proof, err = pgbackup.Prove(ctx, rep.Backup, rep.Target, &pgbackup.ProveOptions{Programs: c.programs, User: c.user}); err != nil {
			return err
		}
	}
	return c.printRestored(result)
}

func (c *call) printPlan(plan *backup.RestorePlan) error {
	err := c.print(plan, func(w io.Writer) {
		fmt.Fprintf(w, "Backup %s to %s: %d files of %s, %s to fetch.\n", plan.Backup.ID, plan.Target, plan.Files, size(plan.Bytes), size(plan.Fetch))
	})
	if len(plan.Problems) > 0 {
		err = errors.Join(err, errors.New(strings.Join(plan.Problems, "; ")))
	}
	return err
}

func (c *call) printRestored(r restored) error {
	var d pgbackup.Details
	if err := json.Unmarshal(r.Backup.Details, &d); err != nil {
		return err
	}
	return c.print(r, func(w io.Writer) {
		fmt.Fprintf(w, "Backup %s is in %s: %d files of %s in %s.\n", r.Backup.ID, r.Target, r.Files, size(r.Bytes), r.Duration.Round(time.Millisecond))
		for _, warning := range d.Warnings {
			fmt.Fprintf(w, "Of the backup: %s\n", warning)
		}
		if r.Proof == nil {
			fmt.Fprintf(w, "Hand it to the server's user, and so what is below %s.tablespaces, where that exists; then start PostgreSQL %d on it: it is consistent when it answers.\n", r.Target, d.Version/10000)
			return
		}
		fmt.Fprintf(w, "A server was started on it, has answered in %d databases, and was stopped.\n", len(r.Proof.Databases))
		for _, text := range r.Proof.Collations {
			fmt.Fprintf(w, "Another collation version, REINDEX before use: %s\n", text)
		}
		for _, text := range r.Proof.Extensions {
			fmt.Fprintf(w, "An extension that is not installed here: %s\n", text)
		}
	})
}
