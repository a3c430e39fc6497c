package retryhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/masaruk/devops/internal/retryhttp"
)

func ExampleNew() {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(w, "at last")
	}))
	defer server.Close()

	client, err := retryhttp.New(&retryhttp.Options{
		FirstWait: time.Millisecond,
		Handle:    func(a retryhttp.Attempt) { fmt.Println(a.Number, a.Status, a.Again) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	resp, err := client.Do(context.Background(), retryhttp.Call{URL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(resp.Body))
	// Output:
	// 1 503 true
	// 2 503 true
	// 3 200 false
	// at last
}
