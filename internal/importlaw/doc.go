// Package importlaw holds the dependency law of the module and checks it. The
// law keeps every core usable alone in any program, and third-party code where
// the package that wraps it can be seen to need it.
//
// The map in map.go says what each package is. The floors go upwards, and a
// package imports only what is below it:
//
//	floor 0  secrets
//	floor 1  envconfig
//	floor 2  the cores deploy, backup and monitor, and the parts of deploy;
//	         the cores never import each other
//	floor 3  adapters: one dependency or product each, never importing another
//	floor 4  recipes: compose the adapters of their core; nobody imports one
//	floor 5  examples: never import the root's internal packages, so that they
//	         can be copied; their tests may use those for tests, such as testenv
//
// Beside them stand the conformance kits (<port>test), which only tests and
// other kits import, and the internal packages, which import no public package
// and at most the one dependency that they wrap. Floors 0 to 2 and the kits
// reach nothing but the standard library, not even through an internal
// package; the exceptions are named in the map. Third-party types appear in
// exported signatures of adapters only; testify in _test.go files only.
//
// [Check] reads every Go file, whatever its build constraints, and types
// nothing; the exact dependencies of the cores on each system are compared
// with testdata/deps.golden by a test that asks the go command.
package importlaw
