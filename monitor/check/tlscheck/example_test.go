package tlscheck_test

import (
	"context"
	"fmt"

	"github.com/masaruk/devops/monitor/check/tlscheck"
)

func ExampleNew() {
	mail, err := tlscheck.New("127.0.0.1:1", &tlscheck.Options{ // where nobody listens
		ServerName: "mail.example.com",
		StartTLS:   tlscheck.SMTP,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := mail.Check(context.Background())
	fmt.Println(r.Status, r.Detail)
	// Output: fail no connection
}
