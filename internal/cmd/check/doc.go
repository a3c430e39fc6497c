// Command check sets up whatever the tests need and runs all of them, with
// every analysis that a change has to pass.
//
//	go run ./internal/cmd/check [-require-all] [-exhaustive] [-only REGEXP] [-list]
//
// # What it installs
//
// On Debian, as root, it installs the packages that the test servers need and
// that the machine does not have, without starting a service or creating a
// database cluster; where Node.js is missing or older than 20, Debian's npm
// and with it a pinned Node.js. Everything else (npm packages, gofumpt,
// staticcheck, the S3 server) goes to the folder .tools of the checkout, which
// git ignores. Each thing installed leaves a stamp with the digest of its pins,
// so a second run installs nothing.
//
// Anywhere else it says what is missing and what it leaves out for it. With
// -require-all a missing tool or server is a failure, never a skip, in the
// tests as well: they see DEVOPS_REQUIRE_ALL=1.
//
// # What it runs
//
// The steps run one after the other, each with one line that shows its outcome
// and duration; -list prints them, and -only picks those whose name matches.
// The whole output of every step is kept in .tools/logs and shown only when
// the step fails. With -exhaustive the tests see DEVOPS_EXHAUSTIVE=1, which
// makes them run whole fault matrices instead of samples; the fuzz targets run
// ten times as long, and the benchmarks run too.
//
// # What it counts
//
// The last line is "N passed, N failed, N skipped". Every test and subtest
// that go test reports counts as one, and every step that runs no go tests
// counts as one. A test run that fails for a reason other than a test (a build
// error, a crash, no test at all) counts as one failure more. The exit code is
// 1 when anything failed or the run was interrupted, 2 for wrong arguments.
//
// An interrupt ends the process groups of everything that was started.
package main
