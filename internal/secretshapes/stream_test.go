package secretshapes_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/secretshapes"
)

// scanPieces finds what Scan does in a text that comes in pieces, and keeps no
// more of it than the package promises to need.
func scanPieces(t *testing.T, text []byte, next func() int) (matches []secretshapes.Match) {
	var held []byte
	base, from := 0, 0 // of held in text; what is decided in held
	for pos := 0; ; {
		n := min(next(), len(text)-pos)
		held = append(held, text[pos:pos+n]...)
		pos += n
		final := pos == len(text)
		decided := allShapes.Scan(held, from, final, func(m secretshapes.Match) {
			require.GreaterOrEqual(t, m.Start, from)
			m.Start, m.End = m.Start+base, m.End+base
			matches = append(matches, m)
		})
		require.GreaterOrEqual(t, decided, from)
		require.LessOrEqual(t, len(held)-decided, secretshapes.MaxAfter)
		if final {
			require.Equal(t, len(held), decided)
			return matches
		}
		cut := max(0, decided-secretshapes.MaxBefore)
		held, base, from = slices.Clone(held[cut:]), base+cut, decided-cut
	}
}

func FuzzPieces(f *testing.F) {
	all := samples(rand.New(rand.NewPCG(6, 0)))
	for _, list := range all {
		for _, s := range list {
			f.Add([]byte(s.text()+s.text()), uint64(len(s.secret)))
			f.Add([]byte(s.before+s.secret), uint64(1))
		}
	}
	f.Add([]byte("key\x00=\x00\xff\xfe://:@"), uint64(0))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		want := scan(string(text))
		for _, m := range want {
			require.True(t, 0 <= m.Start && m.Start < m.End && m.End <= len(text))
		}
		r := rand.New(rand.NewPCG(seed, 0))
		most := 1 + r.IntN(64)
		require.Equal(t, want, scanPieces(t, text, func() int { return 1 + r.IntN(most) }))
	})
}

// TestPiecesOfLongTexts has secrets on both sides of what a window holds.
func TestPiecesOfLongTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	var text []byte
	planted := 0
	for range 3 {
		for _, list := range samples(r) {
			for _, s := range list {
				text = append(text, s.text()...)
				text = append(text, random(r, " \nabc", r.IntN(900))...)
				planted++
			}
		}
	}
	text = append(text, "-----BEGIN PRIVATE"+" KEY-----\n"+random(r, std64, 40<<10)...)
	want := scan(string(text))
	require.GreaterOrEqual(t, len(want), planted)
	for _, n := range []int{1 << 10, 4096, 5000, 60_000} {
		require.Equal(t, want, scanPieces(t, text, func() int { return n }), "pieces of %d", n)
	}
}

// TestFarFromOpen proves that a match is decided as soon as it can be.
func TestFarFromOpen(t *testing.T) {
	for text, want := range map[string]int{
		"nothing to hide.":               16,
		"ends with sk_li":                10,
		"ends with a SK":                 12,
		"gh" + "p_" + "notatoken there!": 20,
	} {
		got := allShapes.Scan([]byte(text), 0, false, func(secretshapes.Match) {})
		require.Equal(t, want, got, text)
	}
}
