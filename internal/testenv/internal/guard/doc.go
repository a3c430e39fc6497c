// Package guard is the process that stands between a test and its server, so
// that the server and everything it started end with the test however the
// test ends: it returned, it panicked, it was killed.
//
// The guard makes the server's folder, runs the commands that it is told
// over its standard input, and is the ancestor of every process they start.
// Standard input is a pipe whose other end only the test process holds. When
// it closes, the guard ends the server, kills every descendant (also one
// that went into a session of its own: the guard is their subreaper), runs
// the deferred commands, removes the System V memory and the folder, and
// exits.
//
// Requests and replies are JSON texts, one a line, one reply for each
// request in order; an event may come between them. Nothing secret is in an
// argument vector: environments travel through the pipe.
package guard
