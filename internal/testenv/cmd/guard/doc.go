// Command guard runs one server of package testenv and removes every trace of
// it when its standard input ends. Package internal/guard describes how.
package main
