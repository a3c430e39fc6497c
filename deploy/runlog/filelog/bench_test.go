package filelog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkAppend compares an Append with the least that a durable append can
// cost, a write and an fsync of the same bytes to an open file, in the same
// run. x-fsync is the ratio.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{200, 4000, 100000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			dir := b.TempDir()
			l := newLog(b, dir)
			bare, err := os.OpenFile(filepath.Join(dir, "bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			require.NoError(b, err)
			defer bare.Close()
			record := []byte(`"` + strings.Repeat("x", size-2) + `"`)
			var seq uint64
			var ours, least time.Duration
			for b.Loop() {
				seq++
				begin := time.Now()
				err := l.Append(b.Context(), "s", seq, record)
				middle := time.Now()
				require.NoError(b, err)
				_, err = bare.Write(append(record, '\n'))
				require.NoError(b, err)
				require.NoError(b, bare.Sync())
				ours, least = ours+middle.Sub(begin), least+time.Since(middle)
			}
			b.ReportMetric(float64(ours)/float64(least), "x-fsync")
			b.ReportMetric(float64(ours.Microseconds())/float64(seq), "us/append")
		})
	}
}
