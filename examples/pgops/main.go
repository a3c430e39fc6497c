// Command pgops is the internal tool of a team that runs PostgreSQL: encrypted
// backups in a folder or a bucket, verified and restored. It is an example of
// how little of it such a tool has to write itself.
//
//	pgops init    -repo URL -recipient KEY...        make a repository
//	pgops doctor  -repo URL -conninfo DSN            is everything in order?
//	pgops backup  -repo URL -conninfo DSN            make a full backup
//	pgops list    -repo URL                          what backups there are
//	pgops verify  -repo URL -identity FILE [-deep]   are they what was stored?
//	pgops restore -repo URL -identity FILE -target-dir DIR [-backup ID] [-prove]
//
// URL is a path, or s3://bucket/prefix?endpoint=https://...; credentials of a
// bucket come from the AWS environment. KEY is an age recipient (age1...), whose
// identity stays with a person, offline. Each command takes -json, and ends with
// 0 only when what it says is proven.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// command is one of the tool's.
type command struct {
	name, short string
	run         func(ctx context.Context, c *call) error
}

func commands() []command {
	return []command{
		{"init", "make a repository", initialise},
		{"doctor", "tell whether everything is in order", doctor},
		{"backup", "make a full backup", makeBackup},
		{"list", "list the backups", list},
		{"verify", "compare a backup with what was stored", verify},
		{"restore", "make a data directory of a backup", restore},
	}
}

// call is one call of the tool: its flags and where it writes.
type call struct {
	repo, conninfo, keys, identity, target, backup, fingerprint string
	programs, user                                              string
	recipients                                                  texts
	tablespaces                                                 texts
	deep, dryRun, prove, json                                   bool
	rate                                                        int64
	out, err                                                    io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: 0 is proven, 1 is not, 2 is misused.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	for _, cmd := range commands() {
		if len(args) == 0 || args[0] != cmd.name {
			continue
		}
		c := &call{out: stdout, err: stderr}
		if err := c.parse(cmd, args[1:]); err != nil {
			if !errors.Is(err, flag.ErrHelp) {
				fmt.Fprintf(stderr, "pgops %s: %v\n", cmd.name, err)
			}
			return 2
		}
		if err := cmd.run(ctx, c); err != nil {
			fmt.Fprintf(stderr, "pgops %s: %v\n", cmd.name, err)
			return 1
		}
		return 0
	}
	fmt.Fprintln(stderr, "usage: pgops COMMAND -repo URL ...")
	for _, cmd := range commands() {
		fmt.Fprintf(stderr, "  %-8s %s\n", cmd.name, cmd.short)
	}
	return 2
}

// parse reads the flags that the command knows.
func (c *call) parse(cmd command, args []string) error {
	f := flag.NewFlagSet("pgops "+cmd.name, flag.ContinueOnError)
	f.SetOutput(c.err)
	f.StringVar(&c.repo, "repo", "", "the repository: a `path` or s3://bucket/prefix?endpoint=...")
	f.BoolVar(&c.json, "json", false, "print the result as JSON")
	needs := map[string]*string{"repo": &c.repo}
	switch cmd.name {
	case "init", "backup", "list", "doctor":
		f.StringVar(&c.keys, "keys", "", "`folder` of the Writer's and the Keeper's keys; empty is one for each repository in the user's configuration folder")
	case "verify", "restore":
		f.StringVar(&c.identity, "identity", "", "`file` with the age identity of an operator")
		f.StringVar(&c.backup, "backup", "", "`ID` of the backup; empty is the newest")
		f.StringVar(&c.fingerprint, "fingerprint", "", "the repository's, as init has printed it: refuses another one in its place")
		needs["identity"] = &c.identity
	}
	switch cmd.name {
	case "init":
		f.Var(&c.recipients, "recipient", "age `recipient` (age1...) who can read the backups; may be repeated")
	case "backup", "doctor":
		f.StringVar(&c.conninfo, "conninfo", "", "the server, without a password: `DSN` such as \"host=db user=backup dbname=postgres\"")
		needs["conninfo"] = &c.conninfo
		if cmd.name == "backup" {
			f.Int64Var(&c.rate, "rate", 0, "most `bytes` a second from the server; 0 is no limit")
		}
	case "verify":
		f.BoolVar(&c.deep, "deep", false, "read, decrypt and compare all content")
	case "restore":
		f.StringVar(&c.target, "target-dir", "", "new `folder` for the data directory")
		f.Var(&c.tablespaces, "tablespace", "`OID=FOLDER` that a tablespace goes to; may be repeated")
		f.BoolVar(&c.dryRun, "dry-run", false, "only say what would be done")
		f.BoolVar(&c.prove, "prove", false, "start a server on what was restored, that nobody else reaches, until it has answered in every database")
		f.StringVar(&c.programs, "programs", "", "with -prove: `folder` of the server's programs; empty is where Debian has them, or PATH")
		f.StringVar(&c.user, "user", "", "with -prove, as root: the `user` that the server runs as, and who gets the folders; empty is postgres")
		needs["target-dir"] = &c.target
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q is no flag; all that pgops takes are flags", f.Arg(0))
	}
	return c.complete(cmd, needs)
}

// complete names all flags that are missing.
func (c *call) complete(cmd command, needs map[string]*string) error {
	var missing []string
	for name, value := range needs {
		if *value == "" {
			missing = append(missing, "-"+name+" is missing")
		}
	}
	if cmd.name == "init" && len(c.recipients) == 0 {
		missing = append(missing, "-recipient is missing: make an identity with age-keygen, on a machine that is not this one, and give what begins with age1")
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		return errors.New(strings.Join(missing, "; "))
	}
	return nil
}

// print writes a result: as JSON, or as the lines that text makes.
func (c *call) print(result any, text func(w io.Writer)) error {
	if !c.json {
		text(c.out)
		return nil
	}
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	return enc.Encode(result)
}

// texts is a flag that may be repeated.
type texts []string

func (t *texts) String() string { return strings.Join(*t, ",") }

func (t *texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}
