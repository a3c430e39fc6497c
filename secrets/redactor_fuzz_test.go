package secrets_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/leakforms"
	"github.com/masaruk/devops/secrets"
)

// FuzzRedactor: random secrets, in random forms, in random text that is cut at
// random, against the plainest model.
func FuzzRedactor(f *testing.F) {
	for seed := range uint64(48) {
		f.Add(seed, "log line without much in it\n")
	}
	f.Fuzz(func(t *testing.T, seed uint64, extra string) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		values := randomValues(rnd)
		forms := formsOf(values)
		text := randomText(rnd, values, forms, extra)
		r := redactor(t, values...)
		out := stream(t, r, text, func(left int) int { return 1 + rnd.IntN(min(left, 1+rnd.IntN(40))) })
		require.Equal(t, naiveRedaction(text, forms), out, "seed %d: %q in %q", seed, values, text)
		require.Equal(t, out, r.String(text), "seed %d: a stream and a string differ", seed)
		require.Equal(t, out, string(r.Bytes([]byte(text))), "seed %d", seed)
		require.Equal(t, out, found(r, text), "seed %d: Find", seed)
		hidden := false
		for _, form := range forms {
			hidden = hidden || strings.Contains(text, form)
			for piece := range strings.SplitSeq(out, secrets.Placeholder) {
				require.NotContains(t, piece, form, "seed %d", seed)
			}
		}
		if !hidden {
			require.Equal(t, text, out, "seed %d: text without a value changed", seed)
		}
	})
}

// naiveRedaction marks the bytes of every occurrence of every form, and writes one
// placeholder for each run of bytes that occurrences tie together.
func naiveRedaction(text string, forms []string) string {
	gone, tied := make([]bool, len(text)), make([]bool, len(text)) // to the byte before
	for _, form := range forms {
		for i := range len(text) {
			if strings.HasPrefix(text[i:], form) {
				for j := range len(form) {
					gone[i+j] = true
					tied[i+j] = tied[i+j] || j > 0
				}
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !gone[i]:
			b.WriteByte(text[i])
		case !tied[i]:
			b.WriteString(secrets.Placeholder)
		}
	}
	return b.String()
}

// found replaces what Find says.
func found(r *secrets.Redactor, text string) string {
	var b strings.Builder
	done := 0
	for start, end := range r.Find([]byte(text)) {
		b.WriteString(text[done:start] + secrets.Placeholder)
		done = end
	}
	return b.String() + text[done:]
}

func formsOf(values []string) []string {
	var all []string
	for _, v := range values {
		for _, f := range leakforms.Of(v) {
			all = append(all, f.Text)
		}
	}
	return all
}

// randomValues draws from a few bytes, so that values overlap, begin alike and
// need to be escaped.
func randomValues(rnd *rand.Rand) []string {
	alphabet := []string{"ab", "ab\x80", "a'\"\\ ", "aB3+/=", "ab\n", "äß&<"}[rnd.IntN(6)]
	shortest := []int{4, 4, 8, 24}[rnd.IntN(4)]
	var values []string
	for len(values) < 1+rnd.IntN(6) {
		v := letters(rnd, alphabet, shortest+rnd.IntN(12))
		if n := len(values); n > 0 && rnd.IntN(3) == 0 {
			v = values[n-1] + letters(rnd, alphabet, 1+rnd.IntN(4))
		}
		if leakforms.Fit(v) {
			values = append(values, v)
		}
	}
	return values
}

func letters(rnd *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[rnd.IntN(len(alphabet))]
	}
	return string(b)
}

func randomText(rnd *rand.Rand, values, forms []string, extra string) string {
	var b strings.Builder
	for range rnd.IntN(12) {
		form := forms[rnd.IntN(len(forms))]
		switch rnd.IntN(6) {
		case 0:
			b.WriteString(values[rnd.IntN(len(values))])
		case 1:
			b.WriteString(form)
		case 2:
			b.WriteString(form[:rnd.IntN(len(form))])
		case 3:
			b.WriteString(form[rnd.IntN(len(form)):])
		case 4:
			b.WriteString(letters(rnd, "ab\x80 \n'", rnd.IntN(20)))
		default:
			b.WriteString(extra)
		}
	}
	return b.String()
}

// FuzzRedactorLeavesNothing: text that holds whole secrets in any form, and
// otherwise has no byte in common with them. Of what is left no secret has 4
// bytes in a row.
func FuzzRedactorLeavesNothing(f *testing.F) {
	for seed := range uint64(48) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		var values []string
		for len(values) < 1+rnd.IntN(8) {
			v := letters(rnd, "abcdeRSTUV0123+/='\" \\%ä\n", 4+rnd.IntN(40))
			if leakforms.Fit(v) && longestShared(v, secrets.Placeholder) < 4 {
				values = append(values, v)
			}
		}
		forms := formsOf(values)
		var text strings.Builder
		for range rnd.IntN(10) {
			text.WriteString(letters(rnd, "{}|;#~\t", rnd.IntN(12)))
			text.WriteString(forms[rnd.IntN(len(forms))])
		}
		out := stream(t, redactor(t, values...), text.String(), func(left int) int { return 1 + rnd.IntN(min(left, 25)) })
		for _, v := range values {
			require.Less(t, longestShared(v, out), 4, "seed %d: %q of %q in %q", seed, v, out, text.String())
		}
	})
}

// longestShared is the length of the longest text that is a part of both.
func longestShared(a, b string) int {
	longest := 0
	row := make([]int, len(b)+1) // row[j+1] is how much of a text that ends at a[i] and b[j] is shared
	for i := range len(a) {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] != b[j] {
				row[j+1] = 0
				continue
			}
			row[j+1] = row[j] + 1
			longest = max(longest, row[j+1])
		}
	}
	return longest
}

// FuzzRedactorPatterns: with patterns too, a stream gives what the whole text
// gives, wherever it is cut.
func FuzzRedactorPatterns(f *testing.F) {
	for seed := range uint64(64) {
		f.Add(seed, "a@b.cd +49 151")
	}
	parts := slices.Concat(shaped(), []string{
		"4111", "1111", "4", " ", "-", "0", "eyJ", ".", "@", "example", ".com", "+", "(555) 010-", "00", "\n", "\\n",
		"-----BEGIN ", "RSA PRIVATE KEY-----", "-----END ", "sk_live_", "AKIA", "://user:", "secret-value", "lorem ipsum dolor",
	})
	f.Fuzz(func(t *testing.T, seed uint64, extra string) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		r := redactor(t, "secret-value", "111 4111")
		require.NoError(t, r.AddPatterns(allPatterns()...))
		var b strings.Builder
		for range rnd.IntN(12) {
			part := append(parts, extra)[rnd.IntN(len(parts)+1)]
			if rnd.IntN(4) == 0 {
				part = part[:rnd.IntN(len(part)+1)]
			}
			b.WriteString(part)
		}
		text := b.String()
		most := 1 + rnd.IntN(60)
		require.Equal(t, r.String(text), stream(t, r, text, func(left int) int { return 1 + rnd.IntN(min(left, most)) }), "seed %d: %q", seed, text)
		require.Equal(t, r.String(text), found(r, text))
	})
}

func ExampleRedactor_Find() {
	r, err := secrets.NewRedactor(secrets.New("correct horse"))
	if err != nil {
		panic(err)
	}
	line := `{"password":"correct horse","basic":"Y29ycmVjdCBob3JzZQ=="}`
	for start, end := range r.Find([]byte(line)) {
		fmt.Println(start, end)
	}
	// Output:
	// 13 26
	// 37 57
}
