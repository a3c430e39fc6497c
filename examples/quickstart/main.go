package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "switchover" {
		exit(serveTraffic(os.Args[2:]))
	}
	var opts options
	flag.StringVar(&opts.listen, "listen", "", "public `address`, host:port; empty takes a free port of this machine")
	flag.StringVar(&opts.dir, "dir", "", "state `folder`; empty makes one and prints it")
	flag.StringVar(&opts.releases, "releases", "", "`folder` whose subfolders are the versions to release: a Go main package or an executable file named run")
	flag.StringVar(&opts.report, "report", "", "`file` to write the report to, as JSON")
	flag.BoolVar(&opts.hold, "hold", false, "keep serving at the end, until interrupted")
	flag.Parse()
	if flag.NArg() > 0 {
		exit(fmt.Errorf("unexpected argument %q; see -help", flag.Arg(0)))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx = withGoRun(ctx)
	context.AfterFunc(ctx, stop)   // a second one ends the program at once
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away does not end the run
	exit(run(ctx, opts, os.Stdout))
}

// withGoRun ends the context when the go command that runs this program dies:
// go run passes no kill on, and whoever kills it means the program.
func withGoRun(ctx context.Context) context.Context {
	parent := os.Getppid()
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", parent))
	if err != nil || strings.TrimSpace(string(name)) != "go" {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if os.Getppid() != parent {
				cancel()
				return
			}
		}
	}()
	return ctx
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
