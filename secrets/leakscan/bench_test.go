package leakscan_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

// logText is like the output of a server, with what nearly is a secret in each
// fourth line.
func logText() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 16<<20; i++ {
		fmt.Fprintf(&b, `{"time":"2026-05-01T10:00:%02d.%03dZ","level":"INFO","msg":"request finished","method":"GET","path":"/v1/providers/%d/services","status":200,"duration_ms":%d,"request_id":"%08x-%04x"}`+"\n", i%60, i%1000, i, i%97, i*2654435761, i%65536)
		if i%4 == 0 {
			fmt.Fprintf(&b, "connecting to postgres://api:[redacted]@db:5432/api with token=[redacted] key_id=AKIA%d\n", i)
		}
	}
	return b.Bytes()
}

// sourceText is the Go source of this package, many times.
func sourceText(b *testing.B) []byte {
	names, err := filepath.Glob("*.go")
	require.NoError(b, err)
	var once bytes.Buffer
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(b, err)
		once.Write(content)
	}
	return bytes.Repeat(once.Bytes(), 1+(16<<20)/once.Len())
}

// BenchmarkStream reads a text with 200 random values loaded, and with none. On
// a machine that does other things as well, MB/cpu-s tells more than MB/s.
func BenchmarkStream(b *testing.B) {
	var loaded []string
	for i := range 200 {
		loaded = append(loaded, fmt.Sprintf("%x-%s", i*7919, alnum[i%20:i%20+16+i%24]))
	}
	for name, text := range map[string][]byte{"log": logText(), "source": sourceText(b)} {
		for known, o := range map[string]*leakscan.Options{"rules": nil, "rules and 200 values": {Redactor: redactor(b, loaded...)}} {
			b.Run(strings.ReplaceAll(name+"/"+known, " ", "_"), func(b *testing.B) {
				s := newScanner(b, o)
				b.SetBytes(int64(len(text)))
				before := processorTime()
				for b.Loop() {
					for f, err := range s.Stream(context.Background(), "x", bytes.NewReader(text)) {
						require.NoError(b, err, f)
					}
				}
				if used := processorTime() - before; used > 0 {
					b.ReportMetric(float64(len(text))*float64(b.N)/1e6/used.Seconds(), "MB/cpu-s")
				}
			})
		}
	}
}
