// Command config shows what package envconfig makes of the variables of a
// platform in three environments: it loads each file in the folder env, checks
// it against the rules of its environment, explains where values come from,
// lists what is wrong with a staging file that is bad on purpose, compares
// staging with production, and writes .env.example.
//
//	go run ./examples/config          # also writes examples/config/.env.example
//	go run ./examples/config -check   # fails if that is stale: for CI
//
// Copy it and begin with settings.go, where each variable is said once. Then
// environments.go has the environments and the differences that are allowed,
// and check.go puts together all that is wrong with one file.
//
// The files in env are part of the example, so they are committed. Yours are
// not: keep them beside the program that runs, or take secrets from a file
// (NAME_FILE) or a source.
//
// # What it prints
//
//	env/prod.env: 0 findings
//
//	What production runs with, and where each value comes from:
//	VARIABLE ... VALUE ... ORIGIN ... FIELD ... TYPE
//	DATABASE_URL ... [redacted] ... env/prod.env:15 ... Database.URL ... secret
//	DATABASE_TIMEOUT ... 5s ... default ... Database.Timeout ... duration
//
//	env/stg-bad.env: 21 findings, as it is meant to have
//	  env/stg-bad.env: PAYMENT_MODE: is set; set it...
//	  env/stg-bad.env:5: API_URL: is encrypted where it is reachable from outside; want https://, got http:// to a public host; serve it over https...
//	  env/stg-bad.env:17: DATABASE_URL: a "$" outside single quotes is expanded by some readers; put it in single quotes
//	  env/stg-bad.env:18: DATABASE_POOL: is a whole number of 64 bits...
//	  env/stg-bad.env:24: PAYMENT_SECRET_KEY: is for payments that the environment allows; want a key or a server for sandbox, got one for live...
//
//	stg against prod: 1 differ, 19 differ but are allowed...
//	differs ... RATE_LIMIT_PER_MINUTE ... prod: "120" ... stg: "600"
//
//	.env.example is up to date
package main
