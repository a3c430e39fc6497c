//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/masaruk/devops/deploy/switchover"
)

// release starts a small service that names itself, as yours would.
func release(name string, healthy bool) (switchover.Backend, func()) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Release", name)
		if !healthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintf(w, "hello from %s", name)
	}))
	return switchover.Backend{Name: name, Addr: srv.Listener.Addr().String()}, srv.Close
}

func Example() {
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "socket")

	// The server: usually the whole of a small program of its own.
	ctx, cancel := context.WithCancel(context.Background())
	server, err := switchover.New(socket, &switchover.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() { cancel(); fmt.Println("server ended:", <-ended) }()

	// The deployer.
	client, err := switchover.NewClient(socket)
	if err != nil {
		panic(err)
	}
	status, err := client.Await(ctx)
	if err != nil {
		panic(err)
	}
	v1, stop1 := release("v1", true)
	defer stop1()
	v2, stop2 := release("v2", false)
	defer stop2()

	res, err := client.Swap(ctx, switchover.SwapRequest{To: v1, Interval: time.Millisecond})
	fmt.Println("to v1:", res.Drained, err)
	_, err = client.Swap(ctx, switchover.SwapRequest{To: v2, From: &v1, Interval: time.Millisecond, Timeout: 50 * time.Millisecond})
	fmt.Println("to v2 refused:", errors.Is(err, switchover.ErrUnhealthy))

	answer, err := http.Get("http://" + status.Addr)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	fmt.Printf("%s\n", body)
	// Output:
	// to v1: true <nil>
	// to v2 refused: true
	// hello from v1
	// server ended: <nil>
}

// A new build of the server replaces the running one without a gap.
func ExampleNew_takeOver() {
	server, err := switchover.New("/run/api/switchover.sock", &switchover.Options{
		Listen:   ":8080",
		TakeOver: true,
		Ready:    func(st switchover.Status) { fmt.Println("serving on", st.Addr, "live is", st.Live) },
	})
	if err != nil {
		panic(err)
	}
	// Run returns when the server was stopped or taken over in turn.
	if err := server.Run(context.Background()); err != nil {
		panic(err)
	}
}

// The undo of a swap: the release before was proven, so it needs no gate.
func ExampleClient_Swap() {
	undo := func(ctx context.Context, c *switchover.Client, bad, good switchover.Backend) error {
		_, err := c.Swap(ctx, switchover.SwapRequest{To: good, From: &bad, Proven: true})
		var e *switchover.Error
		if errors.As(err, &e) && errors.Is(err, switchover.ErrNotLive) {
			return fmt.Errorf("somebody else has swapped to %s: %w", e.Live, err)
		}
		return err
	}
	c, err := switchover.NewClient("/run/api/switchover.sock")
	if err != nil {
		panic(err)
	}
	err = undo(context.Background(), c, switchover.Backend{Name: "v3", Addr: "127.0.0.1:4003"}, switchover.Backend{Name: "v2", Addr: "127.0.0.1:4002"})
	fmt.Println("nobody serves:", errors.Is(err, switchover.ErrNotServing))
	// Output: nobody serves: true
}
