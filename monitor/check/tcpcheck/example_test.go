package tcpcheck_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/masaruk/devops/monitor/check/tcpcheck"
)

func ExampleNew() {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	go func() {
		if conn, err := server.Accept(); err == nil {
			_, _ = io.WriteString(conn, "220 mail.example.com ESMTP\r\n")
			_ = conn.Close()
		}
	}()
	mail, err := tcpcheck.New(server.Addr().String(), &tcpcheck.Options{Expect: "220 "})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mail.Check(context.Background()).Status)
	// Output: pass
}
