// Package testenv starts private real servers for tests: PostgreSQL 15 to 18,
// sshd as root and as a plain user, an S3 server over http and TLS, and
// network namespaces that stand for hosts.
//
// A test asks for a server and has it until it ends:
//
//	func TestDump(t *testing.T) {
//		p := testenv.Postgres(t, 15, "wal_level = logical")
//		dump(p.DSN("postgres"))
//	}
//
// [Postgres], [SSHD], [S3] and [Hosts] give a server that no other test has,
// so it may be configured, and killed with [Server.Kill]. Where a test needs
// only an empty database, [Database] gives one on a server that is started on
// first use and shared by the tests of the binary. Programs without a test
// use [Start]. When a test has failed, its servers' logs are attached to it.
//
// [Promtool] and [NPMPackage] give programs of others that judge what ours
// write: Prometheus' promtool, and for Node.js the readers of .env files and of
// Sentry's envelopes, and an SMTP server.
//
// # What is installed, and by whom
//
// This package installs nothing. [Requirements] lists what each server needs,
// and the test command, go run ./internal/cmd/check, installs it: Debian
// packages, programs built from the module in the folder servers, and the
// npm packages that the package.json in the folder npm pins. All but
// the Debian packages goes into .tools at the root of the checkout
// ([ToolsDir]). A test whose server lacks something is skipped and says what
// is missing; with DEVOPS_REQUIRE_ALL=1 in the environment it fails.
//
// # What is private
//
// Every server has a folder of its own below the temporary folder
// (devops-testenv-NUMBER), keys and credentials of its own, and a loopback
// port that was free. A port that somebody takes in between is noticed, and
// another one tried; a server that answers there in its place is not taken
// for it. Secrets are in no argument vector.
//
// No user is created. PostgreSQL, which refuses root, runs as the user
// postgres that Debian's package brings, or as nobody where that is absent;
// the plain sshd runs as postgres, the one system user with a login shell.
// Where the caller is not root, both run as the caller. Where that user
// cannot enter the checkout, PostgreSQL runs from a copy of its programs.
//
// Hosts are joined by a switch in a namespace of its own, in a subnet of
// 198.18.0.0/15 that was free. They share the file system with this machine.
//
// # The end
//
// Each server is the child of a guard process (the folder internal/guard),
// which is built on first use into .tools/bin. The guard notices when the
// process that asked for the server has closed it, exited, panicked or was
// killed. It then ends the server, kills everything that descends from it,
// removes namespaces and System V memory, and removes the folder last. Close
// waits for that; after the death of a process it takes a moment longer.
//
// Three things stay: /run/sshd and /run/netns, empty folders that Debian's
// own services make and share, and the guard program. A guard that is itself
// killed takes its server along and leaves the folder.
//
// # When not to use it
//
// For a double of a server, or a server of somebody else's. The package runs
// on Linux; elsewhere it compiles, and every test that asks is skipped.
//
// Everything here is safe for concurrent use, but for the fields of a server
// while it starts again. Errors name the server and end with its log where it
// did not come up; [*MissingError] is a server that this machine cannot run.
package testenv
