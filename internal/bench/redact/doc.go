// Package redact measures the stream redactor of package secrets beside other
// ways to find many texts at once:
//
//	go test -run '^$' -bench . ./redact
package redact
