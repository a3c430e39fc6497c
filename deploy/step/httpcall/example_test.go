package httpcall_test

import (
	"fmt"
	"strings"

	"github.com/masaruk/devops/deploy/step/httpcall"
	"github.com/masaruk/devops/secrets"
)

// A dry run shows the call without its secrets and its query.
func ExampleRequest() {
	r := &httpcall.Request{
		Method:        "POST",
		URL:           "https://api.example.com/zones/${zone}/purge?cache=all",
		JSON:          map[string]string{"tag": "${release}"},
		SecretHeaders: map[string]httpcall.SecretHeader{"Authorization": {Secret: "cdn_token", Prefix: "Bearer "}},
		Source:        secrets.Static(nil),
		KeyHeader:     "Idempotency-Key",
	}
	fmt.Println(strings.Join(r.Preview(), "\n"))
	fmt.Println("in flight:", r.InFlight())
	// Output:
	// POST https://api.example.com/zones/<output zone>/purge?<query>
	// header Authorization: Bearer <secret cdn_token>
	// body: {"tag":"<output release>"}
	// in flight: repeat
}
