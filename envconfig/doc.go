// Package envconfig describes environments as data: what kind each is, and
// what its rules allow. Engines such as package deploy ask the rules before
// anything runs, and refuse an environment that was not chosen on purpose.
//
//	env := envconfig.Production()
//	env.Rules.Opaque.Names = []string{"warm-cache"}
//	if err := env.Validate(); err != nil { ... } // every violation at once
//
// # Tiers
//
// [Development], [Staging] and [Production] return an [Environment] with the
// rules of its tier:
//
//	              name  steps made of Go functions
//	Development   dev   any
//	Staging       stg   any
//	Production    prod  none but those that are named
//
// A company that has several environments of one tier changes the name, which
// is how everything that is stored tells them apart.
//
// # Rules
//
// Each rule is the set of what is allowed, and the zero set allows nothing:
// what nobody thought of is forbidden. An environment of the production tier
// cannot allow everything, only what it names.
//
// # Concurrency and errors
//
// Everything here is data, safe to read from several goroutines. Checks return
// a joined error of [*Violation], each of which tells field, rule, what is
// wanted, what was found, and what to do.
package envconfig
