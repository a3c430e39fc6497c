// Package envconfig describes environments as data: what kind each is, and
// what its rules allow. Engines such as package deploy ask the rules before
// anything runs, and refuse an environment that was not chosen on purpose. The
// package also loads the configuration of a program, checks its values against
// the rules, and compares the configurations of two environments.
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
//	                     Development         Staging     Production
//	name                 dev                 stg         prod
//	Payments             off, sandbox        sandbox     live
//	Debug                off, on             off         off
//	RateLimits           relaxed, strict     strict      strict
//	FeatureFlags         any                 as named    as named
//	SeedData             none, generated     realistic   none
//	Mirrors              nothing, production production  nothing
//	LogMasking           off, on             on          on
//	HTTPS                on                  on          on
//	SecretsInCode        off                 off         off
//	Backups              off, on             off, on     on
//	Monitoring, Alerts   off, on             off, on     on
//	Release: all of it   off, on             off, on     on
//	Opaque               any                 any         as named
//
// Staging is for quality assurance, user acceptance, validation of API
// contracts, and performance tests. It masks its logs, because its data looks
// like that of people and its configuration is that of production. Its data is
// realistic, and of nobody: never a copy of production. HTTPS is for what is
// reachable from outside. What Release demands (zero downtime, an approval,
// health, a watch, a backup before a migration that is not expand-only) is data
// for an engine that carries out releases.
//
// A company that has several environments of one tier changes the name, which
// is how everything that is stored tells them apart.
//
// # Rules
//
// Each rule is the set of what is allowed, and the zero set allows nothing:
// what nobody thought of is forbidden. Where the values are known it is a
// [Set], and has to allow something. Where users make up the names it is an
// [Allowed], which may be empty, and from staging on for flags and in
// production for functions it allows only what it names.
//
// [Environment.Derive] makes a stricter environment: what both sets allow. A
// laxer one needs an [Exemption], which has somebody who answers for it, a
// reason and an end, and stays in the environment and its JSON. Validate
// compares the rules with those of the tier, so a rule that was widened by hand
// is refused, and so is an exemption that has ended. Two things no exemption
// allows: live payments outside of production, and secrets in code. Validate
// does not know from which environment another was derived: within its tier a
// rule can be widened by hand.
//
// # Settings and values
//
// [Environment.Check] compares what was chosen, as [Settings], with the rules;
// [Environment.Settings] begins with what leaves no choice.
// [Environment.CheckValues] looks at the values of variables: a live payment
// key in staging, a test key in production, debugging that is on, plain HTTP to
// a public host, a placeholder where a secret belongs. It finds keys by how
// they begin, and servers by name, for the providers that document either;
// another provider's pass.
//
// # Snapshots
//
// A [Snapshot] is a configuration without its secrets, which are there as keyed
// fingerprints (see package secrets). As JSON it can go to another machine.
// [Diff] tells where a mirror such as staging differs from its original: a
// variable that is missing, one more, another type, other rules, another value.
// What has to differ is declared with a reason, and a declaration that nothing
// needs any more is reported as well. [CheckShared] finds a secret or a
// database that two environments share, under whatever names.
//
// # Load
//
// [Load] fills a struct from the process environment, maps and .env files, the
// first that has a variable giving it, and [Loader], whose documentation has
// the tags, does so again and again:
//
//	type Config struct {
//		Port int           `env:"PORT" default:"8080" min:"1024"`
//		Key  secrets.Value `env:"PAYMENT_KEY,file"`
//	}
//	cfg, err := envconfig.Load[Config](ctx, &envconfig.LoadOptions{Environment: &env})
//
// Everything that is wrong is in one error, which [Problems] takes apart:
// variable, field, rule, origin and fix, never a value. A method Validate of a
// struct adds rules of its own; one that panics, like a decoder that does, is
// a problem and not a crash. With LoadOptions.Environment values are checked as
// [Environment.CheckValues] does, also those of variables in a file that no
// field has.
//
// [Loaded.Explain] tells where each value came from. [Loader.Describe] makes
// the .env.example and a table for people, and [CheckGenerated] fails when the
// committed file is stale. [Loaded.Snapshot] is for [Diff].
//
// # Speed
//
// 30 fields in 4 levels, beside 40 variables of others, with provenance and all
// problems, as a multiple of the parse written by hand from the same source
// (medians on a busy machine with 2 cores; go test ./config -bench . in the
// module internal/bench, which also shows that all of them read the same):
//
//	                            process   map    allocations
//	envconfig, again            1.9       2.1    12
//	  and with three Owned      3.5       2.7    16
//	envconfig, first time       14        18     195
//	sethvargo/go-envconfig      7.4       9.1    60
//	caarlos0/env                19        24     283
//	kelseyhightower/envconfig   22        -      563
//	cleanenv                    13        -      256
//
// The first time compiles the type and proves its tags, which takes some 40
// microseconds in place of 5: twice as long as the fastest of the others, once.
//
// # Concurrency and errors
//
// Environments, rules and snapshots are data, safe to read from several
// goroutines; a Loader may be used by several. Checks return a joined error of
// [*Violation], which [Violations] takes apart: field, rule, what is wanted,
// what was found, and what to do. None shows the value of a variable;
// [Differences] shows values that are no secrets.
package envconfig
