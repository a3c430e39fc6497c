// Package httpcheck checks a web address by one request: its status, body,
// headers and latency, its certificate, and that plain HTTP leads to HTTPS.
//
//	api, err := httpcheck.New("https://api.example.com/health", &httpcheck.Options{
//		JSON:         map[string]string{"/status": "ok", "/checks/db": "up"},
//		WarnLatency:  500 * time.Millisecond,
//		HSTS:         180 * 24 * time.Hour,
//		RedirectFrom: "http://api.example.com/",
//	})
//	...
//	monitor.Definition{Name: "api", Check: api}
//
// It asks over a connection of its own that is closed afterwards, with HTTP/1.1,
// through no proxy, follows no redirect and keeps no cookies. Each request is
// marked by the header "X-Devops-Probe: 1", so that a server can count it apart.
// For the certificates of what speaks no HTTP, and of each certificate of a
// chain, there is package tlscheck.
//
// # What a pass proves
//
// A complete answer with an expected status. Many services say 200 over an error
// page, or over the login page of a proxy in front of them: give Contains, JSON
// or WantHeader something that only the right answer has, such as the release.
//
// JSON names values by pointers of RFC 6901, "/checks/0/status", which is a
// standard without variants, unlike what is called JSON path.
//
// # One attempt is one result
//
// Nothing is tried again unless Options.Attempts says so: [monitor.Definition]
// has FailAfter for what fails now and then, and sees it. With Attempts, what
// brought no complete answer or an unexpected status is asked again after a
// short random wait (package internal/retryhttp tells how long), and the result
// shows what each attempt got. What is wrong with a body, header or certificate
// is not tried again.
//
// # Certificates
//
// Those that are invalid fail the request. A valid one is judged by the fraction
// of its lifetime that is left, as its time is different with each issuer:
// renewal begins at about a third, a quarter is a warning and a tenth a failure
// by default. The certificate of the chain that ends first counts, against the
// lifetime of the server's own.
//
// # Results
//
// Measurements: "latency" in s, from the connection to the end of the body, of
// the last attempt; "status", the HTTP status; "size" of the body in By;
// "attempts" where there may be several; over TLS "certificate_left" in d and
// "lifetime_left" (1 is all of it). The detail names the status and what is wrong
// in general words. The error has the method, the URL without user and query, and
// may quote 200 bytes of a body or 100 of a header: what a service answers may
// hold anything, so give the monitor a Redactor, which sees it before it is cut
// ([monitor.Redact]). Authorization, user and query of the URL and the headers
// that are sent are shown nowhere.
//
// A [Check] is safe for concurrent use, logs nothing, and starts no goroutine
// that outlives a run.
package httpcheck
