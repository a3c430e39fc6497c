package secretshapes_test

import (
	"strings"
	"testing"

	"github.com/masaruk/devops/internal/secretshapes"
)

// BenchmarkNearMisses has texts that are nothing but beginnings of secrets.
func BenchmarkNearMisses(b *testing.B) {
	set := secretshapes.NewSet(secretshapes.All())
	for name, piece := range map[string]string{
		"no": "the quick brown fox jumps over the lazy dog\n", "jwt": "-eyJ", "pem": "-----BEGIN PRIVATE" + " KEY-----", "pem64": "LS0tLS1C" + "RUdJTi",
		"vault": "hv" + "s.", "sentry": "sntry" + "s_", "name": "key", "assignment": "key=", "url": "a://b:c", "aws": "aws=",
	} {
		text := []byte(strings.Repeat(piece, 1<<20/len(piece)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				set.Scan(text, 0, true, func(secretshapes.Match) {})
			}
		})
	}
}
