package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`address` of the handlers, host:port; with -once a free port")
	once := flag.Bool("once", false, "run each check once, print what it found and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := start(ctx, *listen, *once); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, listen string, once bool) error {
	s, err := load(ctx, nil)
	if err != nil {
		return err
	}
	if once {
		listen = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	p, err := assemble(s, listener, logger)
	if err != nil {
		return err
	}
	if once {
		return p.once(ctx, os.Stdout)
	}
	logger.Info("serving", "address", listener.Addr().String(), "sentry", p.sentry.Enabled())
	return p.run(ctx)
}
