// Package config measures envconfig's loader beside its peers and a parse
// written by hand, and shows that they all make the same of the same variables:
//
//	go test ./config -bench .
package config
