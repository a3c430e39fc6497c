// Command quickstart releases a real HTTP service several times, one version
// after the other, while clients and a prober ask it without pause, and shows
// what became of each version and of each request.
//
//	go run ./examples/quickstart
//
// It needs Linux and Go. The built-in versions are three good and four bad ones;
// -releases DIR releases services of your own instead. Kill it at any moment
// and run it again with the -dir it printed: it goes on.
//
// Read plan.go first: how one version is released, step by step, and how each
// step is taken back. Copy what you need; it uses nothing of this module that
// your program cannot import.
//
//	plan.go      the plan of one release
//	build.go, process.go, switch.go, actions.go   its Actions
//	recover.go   what happens after a kill
//	clients.go   the users who count what they lose
//
// The end of a service's own output is shown, and kept in the run log and the
// report, where a release is refused: a service that prints secrets shows them.
package main
