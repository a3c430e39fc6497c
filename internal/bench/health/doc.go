// Package health measures package monitor beside libraries for health checks:
// what a run of a check costs, how late runs start at 10,000 a second, what
// checks that hang leave behind, and what an HTTP request costs.
//
//	go test -run '^$' -bench Cost -benchtime 1x ./health
//	go test -run '^$' -bench 'TenThousand|Hung' -benchtime 1x ./health
//	go test -run '^$' -bench Handler ./health
//
// The peers are hellofresh/health-go v5.5.4, which runs all checks whenever it is
// asked and has no schedule, and alexliesenfeld/health v0.8.0, which does either.
//
// # How to read it
//
// A run costs more in the monitor than where a thousand checks are run in one go,
// because it is woken for by a timer, at a time of its own, and is judged, kept in
// a history and shown in a snapshot afterwards. The fair comparison is with the
// peer on its schedule. Of the processor time, what others do on the machine is
// not a part, but what it does to caches is.
//
// Lateness is how much longer than the interval it was between two starts of the
// same check, as the check sees it: the peer waits for the interval after each
// run and so is late by what the run took, too.
package health
