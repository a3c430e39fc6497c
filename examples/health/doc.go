// Command health is a program that monitors itself, a PostgreSQL and a web
// address, answers Kubernetes and a load balancer, serves metrics to Prometheus,
// and reports alerts to Sentry.
//
//	go run ./examples/health          # until interrupted
//	go run ./examples/health -once    # one run of each check, then it ends
//
//	DATABASE_URL   the database; without it there is no check of one
//	WATCH_URL      the web address; without it the program watches itself
//	SENTRY_DSN     without it nothing is reported
//	ENVIRONMENT    dev, stg or prod, whose rules hold: prod demands masked logs
//	INTERVAL       between two runs of a check, 15s by default
//	DRAIN          from not being ready to the end, 5s by default
//
//	curl localhost:8080/readyz?verbose   also /livez, /startupz and /health
//	curl localhost:8080/metrics
//
// Secrets may be in files instead, which DATABASE_URL_FILE and SENTRY_DSN_FILE
// name.
//
// Copy it and begin with checks.go. Then settings.go has the variables, and
// program.go how all of it starts, and in which order it stops: first the program
// is not ready any more, and goes on serving until those who ask have noticed;
// then its listener closes and the last requests are answered; then the checks
// stop, and the sinks get what is queued; Sentry is flushed last.
//
// A release engine takes the same checks as conditions: see monitor.Condition.
package main
