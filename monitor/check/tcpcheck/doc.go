// Package tcpcheck checks that something accepts connections, and if wanted that
// it answers: a [monitor.Check] for services that speak neither HTTP nor
// PostgreSQL.
//
//	redis, err := tcpcheck.New("127.0.0.1:6379", &tcpcheck.Options{
//		Send: "PING\r\n", Expect: "+PONG",
//	})
//	...
//	monitor.Definition{Name: "redis", Check: redis}
//
// # What a pass proves
//
// Without Expect, that the operating system of the other side completed a
// connection, which it also does for a program that hangs, as long as its queue
// has room. With Expect, that the program answered. So give Expect wherever the
// protocol allows: many servers greet (SMTP "220 ", SSH "SSH-2.0-", MySQL), and
// others answer to one line.
//
// Not for HTTP, where package httpcheck reads the answer, nor for TLS, where
// tlscheck looks at the certificates: this package speaks plain text.
//
// # Results
//
// Each run makes one connection of its own and closes it; nothing is tried
// again. Measurements: "connect" is the time to the connection, "total" that to
// the expected answer, both in s, each only if it came so far. The detail says in
// a word what is wrong, without an address; the error has the address, and up to
// 100 bytes of an answer that was not expected, which the monitor's Redactor sees
// before it is cut. What is sent is shown nowhere.
//
// A [Check] is safe for concurrent use, logs nothing, and starts no goroutine
// that outlives a run.
package tcpcheck
