package redact_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/masaruk/devops/internal/leakforms"
)

const (
	secretCount = 200
	textSize    = 1 << 20
)

// randomSecrets are of 16 to 64 bytes, of the alphabets that secrets have.
func randomSecrets() []string {
	rnd := rand.New(rand.NewPCG(7, 7))
	alphabets := []string{
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		"0123456789abcdef",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'()*,-./:;<=>?@^_~ \"\\",
	}
	all := make([]string, secretCount)
	for i := range all {
		b := make([]byte, 16+rnd.IntN(49))
		for j := range b {
			alphabet := alphabets[i%len(alphabets)]
			b[j] = alphabet[rnd.IntN(len(alphabet))]
		}
		b[0], b[len(b)-1] = 'K', 'z' // no space at the ends
		all[i] = string(b)
	}
	return all
}

// allForms are what every contestant looks for.
func allForms(secrets []string) []string {
	var texts []string
	for _, s := range secrets {
		for _, f := range leakforms.Of(s) {
			texts = append(texts, f.Text)
		}
	}
	return texts
}

// logText is of lines as services write them, each with what extra returns.
func logText(extra func(rnd *rand.Rand) string) string {
	rnd := rand.New(rand.NewPCG(11, 11))
	var b strings.Builder
	for i := 0; b.Len() < textSize; i++ {
		switch rnd.IntN(3) {
		case 0:
			fmt.Fprintf(&b, `{"time":"2026-11-24T%02d:%02d:%02d.%03dZ","level":"INFO","msg":"request served","method":"GET","path":"/api/v1/orders/%d","status":200,"duration_ms":%d,"request_id":"%016x","note":"%s"}`+"\n",
				rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), rnd.IntN(1000), rnd.IntN(1e6), rnd.IntN(900), rnd.Uint64(), extra(rnd))
		case 1:
			fmt.Fprintf(&b, "level=debug msg=\"cache miss\" key=session:%08x ttl=%ds shard=%d user=%d %s\n", rnd.Uint32(), rnd.IntN(3600), rnd.IntN(16), rnd.IntN(1e7), extra(rnd))
		default:
			fmt.Fprintf(&b, "10.0.%d.%d - - [24/Nov/2026:19:%02d:%02d +0000] \"POST /checkout HTTP/1.1\" 201 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\" %s\n",
				rnd.IntN(256), rnd.IntN(256), rnd.IntN(60), rnd.IntN(60), rnd.IntN(9000), extra(rnd))
		}
	}
	return b.String()[:textSize]
}

// plain has nothing of a secret.
func plain() string { return logText(func(*rand.Rand) string { return "" }) }

// nearMisses has in each line what nearly is a secret: its beginning, its end,
// all but its last byte, the same in base64.
func nearMisses(secrets []string) string {
	return logText(func(rnd *rand.Rand) string {
		s := secrets[rnd.IntN(len(secrets))]
		switch rnd.IntN(4) {
		case 0:
			return s[:8+rnd.IntN(8)]
		case 1:
			return s[len(s)/2:]
		case 2:
			return s[:len(s)-1] + "."
		default:
			return base64.StdEncoding.EncodeToString([]byte(s))[:12]
		}
	})
}

// leaks has a secret, as it is or in base64, in one of ten lines.
func leaks(secrets []string) string {
	return logText(func(rnd *rand.Rand) string {
		s := secrets[rnd.IntN(len(secrets))]
		switch rnd.IntN(20) {
		case 0:
			return s
		case 1:
			return base64.StdEncoding.EncodeToString([]byte(s))
		}
		return ""
	})
}

// dense is of nothing but secrets without their last byte.
func dense(secrets []string) string {
	rnd := rand.New(rand.NewPCG(13, 13))
	var b strings.Builder
	for b.Len() < textSize {
		s := secrets[rnd.IntN(len(secrets))]
		b.WriteString(s[:len(s)-1] + "\n")
	}
	return b.String()[:textSize]
}
