// Package logmask measures the masking slog handler of package secrets beside
// the plain JSON handler and what else is used to hide secrets in logs:
//
//	go test -run '^$' -bench . -benchtime 1500x ./logmask
package logmask
