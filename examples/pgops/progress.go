package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// bar shows how far something is, on a terminal only. It is safe for concurrent
// use.
type bar struct {
	mu    sync.Mutex
	file  *os.File // nil is no terminal
	what  string
	done  int64
	shown time.Time
}

// newBar returns one for the call, which shows nothing with -json.
func newBar(c *call, what string) *bar {
	b := &bar{what: what}
	if f, ok := c.err.(*os.File); ok && !c.json {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			b.file = f
		}
	}
	return b
}

func (b *bar) add(n, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.show(b.done+n, total)
}

func (b *bar) set(done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.show(done, total)
}

func (b *bar) show(done, total int64) {
	b.done = done
	if b.file == nil || total <= 0 || time.Since(b.shown) < 100*time.Millisecond {
		return
	}
	b.shown = time.Now()
	const width = 40
	full := int(min(done, total) * width / total)
	fmt.Fprintf(b.file, "\r%s [%s%s] %s of %s ", b.what, strings.Repeat("#", full), strings.Repeat(".", width-full), size(done), size(total))
}

func (b *bar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file != nil && !b.shown.IsZero() {
		fmt.Fprintln(b.file)
	}
}

// size writes bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n), "KMGTPE"
	i := -1
	for f >= unit && i < len(units)-1 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}
