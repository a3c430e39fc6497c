// Command release is what a platform team embeds: it releases a static site from
// git, with approval, a health condition, a watch, and a way back, and it can be
// killed at any instant and called again.
//
//	release plan    -commit C           what would happen; nothing does
//	release serve                       the site, and the page for approvals
//	release run     -commit C -id RUN   release it, or continue after a crash
//	release undo    -id RUN -commit C   take an unfinished run back
//	release report  -id RUN             what a run did
//	release history                     all runs, and the four DORA measures
//	release demo                        all of that, with a kill in the middle
//
// The site is in the git repository -repo. A run goes on, forward or back, by the
// plan that it began with, so with the same flags. Who sits there is USER; who may
// approve is in the page's -people file.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/masaruk/devops/deploy"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop, release := deploy.Signals(context.Background())
	defer release()
	if len(os.Args) < 2 {
		return fmt.Errorf("say what to do: plan, serve, run, undo, report, history or demo")
	}
	t := &team{out: os.Stdout, stop: stop}
	flags := flag.NewFlagSet("release", flag.ExitOnError)
	flags.StringVar(&t.root, "root", "release-state", "`folder` of the site's releases, the log and the approvals")
	flags.StringVar(&t.repo, "repo", "", "git `repository` of the site")
	flags.StringVar(&t.commit, "commit", "", "full `hash` of what is released")
	flags.TextVar(&t.committed, "committed", time.Time{}, "`time` of the commit, for the lead time")
	flags.StringVar(&t.addr, "addr", "127.0.0.1:8321", "`address` that serve listens on")
	flags.StringVar(&t.people, "people", "", "`file` with a line NAME ROLE TOKEN for each person, for serve")
	flags.StringVar(&t.user, "user", os.Getenv("USER"), "`who` starts the run")
	id := flags.String("id", "", "`name` of the run")
	_ = flags.Parse(os.Args[2:])
	if os.Args[1] == "demo" {
		return demo(ctx, t)
	}
	var err error
	if t.root, err = filepath.Abs(t.root); err != nil {
		return err
	}
	if err := t.open(); err != nil {
		return err
	}
	return t.do(ctx, os.Args[1], deploy.RunID(*id))
}
