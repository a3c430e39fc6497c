package secrets

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAShapeIsAskedInProportion counts the bytes that a shape which can decide
// nothing looks at, in a stream that comes byte by byte.
func TestAShapeIsAskedInProportion(t *testing.T) {
	const size = 16 << 10
	for name, text := range map[string]string{
		"one word": strings.Repeat("a", size), "lines of one letter": strings.Repeat("a\n", size/2), "spaces": strings.Repeat(" ", size),
	} {
		looked := 0
		s := scan{}
		s.use(&engine{shapes: []finder{func(b []byte, from int, _ bool, _ func(start, end int)) int {
			looked += len(b) - from
			return from
		}}}, 0)
		for n := range size {
			require.Zero(t, s.look([]byte(text[:n+1]), false))
		}
		require.LessOrEqual(t, looked, (earned+8)*size, name)
	}
}

// TestAShapeIsAskedAtTheEndOfAWord, also where that comes alone, so that nothing
// is held back longer than it has to be.
func TestAShapeIsAskedAtTheEndOfAWord(t *testing.T) {
	s := scan{}
	s.use(&engine{shapes: []finder{func(b []byte, from int, _ bool, _ func(start, end int)) int {
		if b[len(b)-1] == '"' {
			return len(b)
		}
		return from
	}}}, 0)
	word := strings.Repeat("a", 20<<10)
	require.Zero(t, s.look([]byte(word), false))
	require.Equal(t, len(word)+1, s.look([]byte(word+`"`), false))
}

// TestAFilterMovesEachByteOnce on average, however much it holds back: the text
// is the beginning of the value again with each byte.
func TestAFilterMovesEachByteOnce(t *testing.T) {
	r, err := NewRedactor(New(strings.Repeat("ab", 1000)))
	require.NoError(t, err)
	f := r.Writer(io.Discard).(*filter)
	const size = 40_000
	moved := 0
	for i := range size {
		before := len(f.buf)
		_, err := io.WriteString(f, "ba"[i%2:][:1])
		require.NoError(t, err)
		if len(f.buf) != before+1 { // it was cut
			moved += len(f.buf)
		}
	}
	require.LessOrEqual(t, moved, 4*size)
}
