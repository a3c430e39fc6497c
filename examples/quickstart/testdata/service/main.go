// Command service is a release that the tests bring along: it keeps the
// contract (ADDR, RELEASE, /healthz, X-Release) with code of its own.
package main

import (
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

func main() {
	release := os.Getenv("RELEASE")
	var asked atomic.Int64
	err := http.ListenAndServe(os.Getenv("ADDR"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Release", release)
		if os.Getenv("BAD") != "" && r.URL.Path != "/healthz" && asked.Add(1) > 20 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		if r.URL.Path == "/slow" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(12 * time.Second):
			case <-r.Context().Done():
			}
		}
		fmt.Fprintln(w, release, r.URL.Path)
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
