package leakscan_test

import (
	"context"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

// haystack is a long text with secrets at known places.
func haystack(seed uint64, newlines bool, values []string) (text string, offsets []int64, rules []string) {
	r := rand.New(rand.NewPCG(seed, 0))
	filler := "lorem ipsum, dolor: sit=amet "
	if newlines {
		filler = "lorem ipsum, dolor: sit=amet\n"
	}
	var b strings.Builder
	all := plants()
	for b.Len() < 2<<20 {
		b.WriteString(strings.Repeat(filler, r.IntN(900)) + " ")
		p := planted{rule: leakscan.LoadedValue}
		if i := r.IntN(len(all) + 10); i < len(all) {
			p = all[i]
		} else {
			p.secret = values[r.IntN(len(values))]
		}
		if strings.Contains(p.text()[:len(p.text())-1], "\n") && !newlines {
			continue
		}
		offsets = append(offsets, int64(b.Len()+len(p.before)))
		rules = append(rules, p.rule)
		b.WriteString(p.before + p.secret + p.after + " ")
		if newlines {
			b.WriteString("\n")
		}
	}
	return b.String(), offsets, rules
}

// values are some that are loaded, the longest nearly of the length that is
// found everywhere.
func values() (all []string) {
	long := strings.Repeat("0123456789abcdef ghijklmnopqrstuvwxyz-", 800)
	for _, n := range []int{8, 40, 700, len(long) - 1} {
		all = append(all, long[:n]+"!")
	}
	return append(all, hex.EncodeToString([]byte(all[1])))
}

func TestLongTexts(t *testing.T) {
	all := values()
	s := newScanner(t, &leakscan.Options{Redactor: redactor(t, all...)})
	for seed := range uint64(3) {
		for _, newlines := range []bool{true, false} {
			text, offsets, rules := haystack(seed, newlines, all)
			var want []leakscan.Finding
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)),
				"uneven": &uneven{strings.NewReader(text), rand.New(rand.NewPCG(seed, 1))},
			} {
				got := stream(t, s, r)
				if want == nil {
					want = got
				}
				require.Equal(t, want, got, name)
			}
			for i, f := range want {
				require.Less(t, i, len(offsets))
				require.Equal(t, offsets[i], f.Offset)
				require.Equal(t, rules[i], f.Rule)
				require.Equal(t, 1+strings.Count(text[:f.Offset], "\n"), f.Line)
				require.EqualValues(t, f.Offset-int64(strings.LastIndexByte(text[:f.Offset], '\n')), f.Column)
			}
			require.Equal(t, len(offsets), len(want))
		}
	}
}

// uneven reads in pieces of random size.
type uneven struct {
	r    io.Reader
	rand *rand.Rand
}

func (u *uneven) Read(p []byte) (int, error) { return u.r.Read(p[:1+u.rand.IntN(min(len(p), 5000))]) }

// TestEdgesOfWindows moves secrets over the places where windows meet.
func TestEdgesOfWindows(t *testing.T) {
	loaded := strings.Repeat("abcdefghijklmnopqrstuvwxyz", 1200) // 31200
	s := newScanner(t, &leakscan.Options{Redactor: redactor(t, loaded)})
	for _, at := range []int{131_072, 196_607, 196_608, 261_000, 262_080, 262_120, 262_143, 262_144, 262_200} {
		for _, secret := range []string{key(), loaded, pem()} {
			text := strings.Repeat(".\n", at/2) + strings.Repeat(".", at%2) + secret + "\n" + strings.Repeat(".\n", 200_000)
			findings := stream(t, s, strings.NewReader(text))
			require.Len(t, findings, 1, at)
			require.EqualValues(t, at, findings[0].Offset)
			require.Equal(t, 1+at/2, findings[0].Line)
		}
	}
}

func TestStreamErrors(t *testing.T) {
	s := newScanner(t, nil)
	r := io.MultiReader(strings.NewReader(key()+"\n"), iotest.ErrReader(errStopped))
	n := 0
	for f, err := range s.Stream(context.Background(), "x", r) {
		if n++; n == 1 {
			require.Equal(t, "stripe-key", f.Rule, "what was read is reported")
			continue
		}
		require.ErrorIs(t, err, errStopped)
		require.ErrorContains(t, err, `leakscan: stream "x"`)
	}
	require.Equal(t, 2, n)

	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errStopped)
	for _, err := range s.Stream(ctx, "x", strings.NewReader(key())) {
		require.ErrorIs(t, err, errStopped)
	}
	n = 0
	for range s.Stream(context.Background(), "x", strings.NewReader(strings.Repeat(key()+"\n", 50))) {
		n++
		break
	}
	require.Equal(t, 1, n)
}

// TestMemory reads a line that never ends.
func TestMemory(t *testing.T) {
	s := newScanner(t, nil)
	const size = 16 << 20
	line := io.LimitReader(&endless{}, size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.Empty(t, stream(t, s, line))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
}

type endless struct{ n int }

// Read is as in [io.Reader].
func (e *endless) Read(p []byte) (int, error) {
	const words = "no more than words, url://and a few points. "
	for i := range p {
		p[i] = words[(e.n+i)%len(words)]
	}
	e.n = (e.n + len(p)) % len(words)
	return len(p), nil
}
