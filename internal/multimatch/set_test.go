package multimatch_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/multimatch"
)

func newSet(t testing.TB, texts ...string) *multimatch.Set {
	s, err := multimatch.New(texts)
	require.NoError(t, err)
	return s
}

func spans(s *multimatch.Set, b string) []multimatch.Span {
	var all []multimatch.Span
	for start, end := range s.Spans([]byte(b)) {
		all = append(all, multimatch.Span{Start: start, End: end})
	}
	return all
}

// naive is the plainest model: every occurrence of every text.
func naive(texts []string, b string) []multimatch.Span {
	var all []multimatch.Span
	for i := range len(b) {
		for _, text := range texts {
			if strings.HasPrefix(b[i:], text) {
				all = append(all, multimatch.Span{Start: i, End: i + len(text)})
			}
		}
	}
	return multimatch.Merge(all)
}

// inPieces searches b as a stream: the buffer grows by pieces and loses at the
// front what the cursor is done with.
func inPieces(s *multimatch.Set, b string, cut func(left int) int) (found []multimatch.Span, longestKept int) {
	var buffer []byte
	base := 0
	c := s.Cursor(0)
	for rest := b; rest != ""; {
		n := cut(len(rest))
		buffer = append(buffer, rest[:n]...)
		rest = rest[n:]
		keep := c.Scan(buffer, func(start, end int) {
			found = append(found, multimatch.Span{Start: base + start, End: base + end})
		})
		c.Drop(keep)
		buffer = bytes.Clone(buffer[keep:])
		base += keep
		longestKept = max(longestKept, len(buffer))
	}
	return multimatch.Merge(found), longestKept
}

func TestSpans(t *testing.T) {
	for _, c := range []struct {
		text, want string
		texts      []string
	}{
		{"a hunter22 b", "[{2 10}]", []string{"hunter22"}},
		{"hunter22hunter22", "[{0 8} {8 16}]", []string{"hunter22"}},
		{"hunthunter22", "[{4 12}]", []string{"hunter22"}},
		{"aaaaaaa", "[{0 7}]", []string{"aaaa"}},
		{"x secret-lo y", "[{2 8}]", []string{"secret", "secret-long"}},
		{"x secret-long y", "[{2 13}]", []string{"secret", "secret-long"}},
		{"abcdefgh", "[{0 8}]", []string{"abcdef", "efgh"}},
		{"abcdabcdefgh", "[{0 4} {4 12}]", []string{"abcd", "abcdefgh"}},
		{"abcdefghij", "[{0 10}]", []string{"bcde", "defg", "abcdefghij"}},
		{"abc", "[]", []string{"abcd"}},
		{"", "[]", []string{"abcd"}},
		{"abcd", "[]", nil},
	} {
		require.Equal(t, c.want, fmt.Sprint(spans(newSet(t, c.texts...), c.text)), "%q in %q", c.texts, c.text)
	}
}

func TestMatchesTheModel(t *testing.T) {
	for seed := range uint64(600) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		checkAgainstModel(t, rnd)
	}
}

func FuzzSpans(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { checkAgainstModel(t, rand.New(rand.NewPCG(seed, 2))) })
}

func checkAgainstModel(t *testing.T, rnd *rand.Rand) {
	alphabet := []string{"ab", "abc", "abcdefgh\x00\xff"}[rnd.IntN(3)]
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		return string(b)
	}
	shortest := 4 + rnd.IntN(24)
	var texts []string
	for range 1 + rnd.IntN(30) {
		text := word(shortest + rnd.IntN(20))
		if len(texts) > 0 && rnd.IntN(2) == 0 { // a relation of another
			other := texts[rnd.IntN(len(texts))]
			from := rnd.IntN(len(other) - shortest + 1)
			text = other[from:from+shortest+rnd.IntN(len(other)-from-shortest+1)] + word(rnd.IntN(4))
		}
		texts = append(texts, text)
	}
	var b strings.Builder
	for range rnd.IntN(20) {
		text := texts[rnd.IntN(len(texts))]
		switch rnd.IntN(3) {
		case 0:
			b.WriteString(text)
		case 1:
			b.WriteString(text[:rnd.IntN(len(text))])
		default:
			b.WriteString(word(rnd.IntN(40)))
		}
	}
	s := newSet(t, texts...)
	want := naive(texts, b.String())
	require.Equal(t, fmt.Sprint(want), fmt.Sprint(spans(s, b.String())), "%q in %q", texts, b.String())
	got, _ := inPieces(s, b.String(), func(left int) int { return 1 + rnd.IntN(min(left, 30)) })
	require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), "in pieces: %q in %q", texts, b.String())
}

func TestKeepsLessThanTheLongestText(t *testing.T) {
	s := newSet(t, strings.Repeat("a", 99)+"b", "cccc")
	text := strings.Repeat("a", 1000) + "ccc" + strings.Repeat("x", 100)
	_, kept := inPieces(s, text, func(left int) int { return 1 })
	require.Equal(t, 99, kept)
	c := s.Cursor(0)
	require.Equal(t, len(text), c.Scan([]byte(text), nil), "text that cannot begin one is not kept")
}

func TestRefuses(t *testing.T) {
	_, err := multimatch.New([]string{"good text", "bad"})
	require.ErrorContains(t, err, "3 bytes is too short")
	_, err = multimatch.New([]string{strings.Repeat("a", multimatch.MaxBytes+1)})
	require.ErrorContains(t, err, "too many to look for")
	many := make([]string, multimatch.MaxTexts+1)
	for i := range many {
		many[i] = fmt.Sprintf("%06x", i)
	}
	_, err = multimatch.New(many)
	require.ErrorContains(t, err, "at most 131072 texts")
}

// TestSize fills a set to an eighth of both limits, with texts that share
// little and with ones where one ends within the other, which take the most.
// The module internal/bench has the same at the limits.
func TestSize(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	texts := make([]string, 0, multimatch.MaxTexts/8)
	for len(texts) < multimatch.MaxTexts/8-1024 {
		texts = append(texts, fmt.Sprintf("%016x%016x", rnd.Uint64(), rnd.Uint64())[:31])
	}
	for _, text := range texts[:1023] {
		texts = append(texts, text[7:])
	}
	s := newSet(t, texts...)
	require.Less(t, s.Size(), 64<<20/8)
	require.Greater(t, s.Size(), 40<<20/8, "the limits are within reach")
	require.Equal(t, "[{1 32}]", fmt.Sprint(spans(s, "x"+texts[7]+"x")))
}

func TestNothing(t *testing.T) {
	var none *multimatch.Set
	require.Zero(t, none.Len())
	require.Zero(t, none.Size())
	require.Empty(t, spans(none, "text"))
	c := new(multimatch.Set).Cursor(0)
	require.Equal(t, 4, c.Scan([]byte("text"), nil))
}

func ExampleNew() {
	set, err := multimatch.New([]string{"correct horse", "horse staple"})
	if err != nil {
		panic(err)
	}
	for start, end := range set.Spans([]byte("the correct horse staple.")) {
		fmt.Println(start, end)
	}
	// Output: 4 24
}
