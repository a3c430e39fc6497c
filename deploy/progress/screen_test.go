package progress

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// screen is a terminal in small: it understands what a live Printer may write
// and objects to everything else, and to a line that is too long.
type screen struct {
	mu       sync.Mutex
	width    int
	lines    []string
	row, col int
	faults   []string
	writes   int
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	text := string(p)
	for text != "" {
		text = s.step(text)
	}
	return len(p), nil
}

func (s *screen) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// step takes one character or sequence and returns the rest.
func (s *screen) step(text string) string {
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, "")
	}
	if rest, ok := strings.CutPrefix(text, "\x1b[1A"); ok {
		if s.row--; s.row < 0 {
			s.fault("the cursor leaves the top")
			s.row = 0
		}
		return rest
	}
	if rest, ok := strings.CutPrefix(text, "\x1b[2K"); ok {
		s.lines[s.row] = ""
		return rest
	}
	for _, code := range []string{"0", "31", "32", "33", "36"} {
		if rest, ok := strings.CutPrefix(text, "\x1b["+code+"m"); ok {
			return rest
		}
	}
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case r == '\r':
		s.col = 0
	case r == '\n':
		s.row, s.col = s.row+1, 0
	case r < ' ' || r >= 0x7f && r < 0xa0:
		s.fault("control character %q in %q", r, text[:min(20, len(text))])
	default:
		if columns(s.lines[s.row]) != s.col {
			s.fault("writes into the middle of line %q", s.lines[s.row])
		}
		s.lines[s.row] += string(r)
		if s.col += width(r); s.col >= s.width {
			s.fault("line %q is %d columns wide", s.lines[s.row], s.col)
		}
	}
	return text[size:]
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimRight(strings.Join(s.lines, "\n"), "\n") + "\n"
}
