package logmask

import (
	"context"
	"io"
	"log/slog"
	"testing"
)

func BenchmarkOne(b *testing.B) {
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			l := slog.New(v.handler(b, io.Discard))
			attrs := v.attrs()
			for b.Loop() {
				l.LogAttrs(context.Background(), slog.LevelInfo, "payment refused", attrs...)
			}
		})
	}
}
