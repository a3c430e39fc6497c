//go:build !race

package secrets_test

const poolNoise = 0
