package secrets_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func fifty(t testing.TB) *secrets.Redactor {
	var values []string
	for i := range 50 {
		values = append(values, fmt.Sprintf("key-%d-of-the-service-%d", i, i*7919))
	}
	return redactor(t, values...)
}

func BenchmarkWriter(b *testing.B) {
	line := []byte("level=info msg=\"request served\" path=/orders key-4 status=200\n")
	for _, lines := range []int{1, 64} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			w := fifty(b).Writer(io.Discard)
			text := []byte(strings.Repeat(string(line), lines))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = w.Write(text)
			}
		})
	}
}

func BenchmarkString(b *testing.B) {
	r := fifty(b)
	for _, text := range []string{"GET", "request served", "10.0.0.1 - - GET /orders/1234567 key-4 of the service 200", "key-49-of-the-service-388031"} {
		b.Run(fmt.Sprintf("bytes=%d", len(text)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = r.String(text)
			}
		})
	}
}

// TestTextWithoutSecretsCostsNoMemory, since it is nearly all text.
func TestTextWithoutSecretsCostsNoMemory(t *testing.T) {
	r := fifty(t)
	text := strings.Repeat("GET /orders key-4 of the service 200 ", 8)
	line := []byte(text)
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = r.String(text); _ = r.Bytes(line) }))
	w := r.Writer(io.Discard)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = w.Write(line) }))
	require.NoError(t, r.AddPatterns(secrets.PaymentCards, secrets.EmailAddresses, secrets.PhoneNumbers))
	w = r.Writer(io.Discard)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = w.Write(line) }))
}
