// Package service is the small HTTP service that the quickstart releases. All
// releases share it; each is a main program that says how it differs.
//
// It keeps the contract of a release: ADDR is where to listen, RELEASE is the
// name to give in every answer, and GET /healthz answers 200 when it is well.
package service
