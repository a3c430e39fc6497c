package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Options say how a release differs from a good one. The zero value is good.
type Options struct {
	// Healthy is asked by GET /healthz; nil is always well.
	Healthy func() error
	// Working is asked before each answer, /healthz included; nil always
	// works.
	Working func() error
}

// Run serves until the process is told to end, and finishes what it is
// answering before it does.
func Run(opts Options) {
	if err := run(opts); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

func run(opts Options) error {
	addr, release := os.Getenv("ADDR"), os.Getenv("RELEASE")
	if addr == "" || release == "" {
		return errors.New("ADDR and RELEASE must be set")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	srv := &http.Server{Addr: addr, Handler: handler(release, opts), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.ListenAndServe() }()
	fmt.Printf("%s listens on %s\n", release, addr)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}

// handler answers every path, and names the release in each answer.
func handler(release string, opts Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if opts.Healthy != nil {
			if err := opts.Healthy(); err != nil {
				http.Error(w, release+" is not well: "+err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintf(w, "%s is well\n", release)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, release+" could not read the request: "+err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s answered %s %s (%d bytes)\n", release, r.Method, r.URL.Path, n)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Release", release)
		if opts.Working != nil {
			if err := opts.Working(); err != nil {
				http.Error(w, release+" failed: "+err.Error(), http.StatusInternalServerError)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}
