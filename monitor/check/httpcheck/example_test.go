package httpcheck_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/masaruk/devops/monitor/check/httpcheck"
)

// A service that answers 200 and says in the body that it does not work.
func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"ok","checks":{"db":"down"}}`)
	}))
	defer server.Close()
	api, err := httpcheck.New(server.URL, &httpcheck.Options{
		JSON:        map[string]string{"/status": "ok", "/checks/db": "up"},
		WarnLatency: time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := api.Check(context.Background())
	fmt.Println(r.Status, r.Detail)
	fmt.Println(r.Err)
	// Output:
	// fail not the expected body
	// the body has "down" at "/checks/db", want "up"
}
