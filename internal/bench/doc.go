// Package bench measures the library beside its peers. It is a module of its
// own, so that the peers are nobody's dependency; nothing imports it.
package bench
