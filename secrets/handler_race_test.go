//go:build race

package secrets_test

// poolNoise is how far numbers of allocations may differ: a sync.Pool loses
// things at random under the race detector.
const poolNoise = 4
