package secrets_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func redactor(t testing.TB, values ...string) *secrets.Redactor {
	vs := make([]secrets.Value, len(values))
	for i, s := range values {
		vs[i] = secrets.New(s)
	}
	r, err := secrets.NewRedactor(vs...)
	require.NoError(t, err)
	return r
}

// stream filters text in pieces that cut chooses.
func stream(t testing.TB, r *secrets.Redactor, text string, cut func(left int) int) string {
	var out bytes.Buffer
	w := r.Writer(&out)
	for rest := text; rest != ""; {
		n := cut(len(rest))
		wrote, err := io.WriteString(w, rest[:n])
		require.NoError(t, err)
		require.Equal(t, n, wrote)
		rest = rest[n:]
	}
	require.NoError(t, w.Close())
	return out.String()
}

func TestRedactorTexts(t *testing.T) {
	const m = secrets.Placeholder
	for _, c := range []struct {
		name, text, want string
		values           []string
	}{
		{"alone", "hunter22", m, []string{"hunter22"}},
		{"in text", "a hunter22 b", "a " + m + " b", []string{"hunter22"}},
		{"twice", "hunter22hunter22", m + m, []string{"hunter22"}},
		{"nearly", "hunter2 hunter2", "hunter2 hunter2", []string{"hunter22"}},
		{"after a false start", "hunthunter22", "hunt" + m, []string{"hunter22"}},
		{"itself repeated", "aaaaaaa", m, []string{"aaaa"}},
		{"prefix of another: longest", "x secret-long y", "x " + m + " y", []string{"secret", "secret-long"}},
		{"prefix of another: shorter there", "x secret-lo y", "x " + m + "-lo y", []string{"secret", "secret-long"}},
		{"within another", "abcdefgh", m, []string{"cdef", "abcdefgh"}},
		{"overlapping", "abcdefgh.", m + ".", []string{"abcdef", "efgh"}},
		{"tail within a longer beginning", "1234567", "1" + m + "7", []string{"23456", "345678"}},
		{"line by line", "key:\n  first line\n-\nsecond line\n", "key:\n  " + m + "\n-\n" + m + "\n", []string{"first line\nsecond line\n"}},
		{"whole lines at once", "first line\nsecond line\n", m, []string{"first line\nsecond line\n"}},
		{"carriage returns", "first line\r\nsecond line\r\n", m + "\r\n" + m + "\r\n", []string{"first line\nsecond line"}},
		{"a lone carriage return", "x first line y", "x " + m + " y", []string{"first line\rsecond line"}},
		{"space around", "(hunter22)", "(" + m + ")", []string{" hunter22\n"}},
		{"a short line stays", "ab first line", "ab " + m, []string{"ab\nfirst line"}},
		{"binary", "\x00\xff\xfe\x00\x01", "\x00" + m + "\x01", []string{"\xff\xfe\x00\x00", "\xff\xfe\x00"}[:1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "binary" {
				c.text = "\x00\xff\xfe\x00\x00\x01"
			}
			r := redactor(t, c.values...)
			require.Equal(t, c.want, r.String(c.text))
			require.Equal(t, c.want, string(r.Bytes([]byte(c.text))))
			for n := 1; n <= len(c.text); n++ {
				require.Equal(t, c.want, stream(t, r, c.text, func(left int) int { return min(n, left) }), "pieces of %d", n)
			}
		})
	}
}

func TestRedactorHoldsBackLessThanTheLongestValue(t *testing.T) {
	var out bytes.Buffer
	w := redactor(t, "secret-value").Writer(&out)
	fmt.Fprint(w, "prompt> ")
	require.Equal(t, "prompt> ", out.String(), "what cannot be a value waits for nothing")
	fmt.Fprint(w, "secret-valu")
	require.Equal(t, "prompt> ", out.String())
	fmt.Fprint(w, "ation")
	require.Equal(t, "prompt> secret-valuation", out.String())
	fmt.Fprint(w, "secret")
	require.NoError(t, w.Close())
	require.Equal(t, "prompt> secret-valuationsecret", out.String(), "Close passes on the rest")
	require.NoError(t, w.Close())
	_, err := w.Write([]byte("x"))
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestRedactorRefuses(t *testing.T) {
	for _, s := range []string{"", "q7", "q7z", " q7z\n", "    ", "redacted", "[redacted]", "acte"} {
		r, err := secrets.NewRedactor(secrets.New("fine-value"), secrets.New(s))
		require.Nil(t, r, "%q", s)
		require.ErrorContains(t, err, "value 2 of 2", "%q", s)
		require.NotContains(t, err.Error(), "q7")
		require.NotContains(t, err.Error(), "fine")
	}
	_, err := secrets.NewRedactor(secrets.New("q7"), secrets.New("good"), secrets.New("z8"))
	require.ErrorContains(t, err, "value 1 of 3")
	require.ErrorContains(t, err, "value 3 of 3", "all are reported at once")

	r := redactor(t)
	require.Error(t, r.Add(secrets.New("q7"), secrets.New("good-value")))
	require.Equal(t, "[redacted]", r.String("good-value"), "the others are registered all the same")
}

func TestRedactorThatKnowsNothing(t *testing.T) {
	var none *secrets.Redactor
	require.Equal(t, "text", none.String("text"))
	require.Equal(t, "text", string(none.Bytes([]byte("text"))))
	require.Equal(t, "text", stream(t, none, "text", func(int) int { return 1 }))
	require.Error(t, none.Add(secrets.New("a value")), "a value must not be dropped in silence")

	zero := &secrets.Redactor{}
	require.Equal(t, "a value", zero.String("a value"))
	require.NoError(t, zero.Add(secrets.New("a value")))
	require.Equal(t, "[redacted]", zero.String("a value"))
}

func TestRedactorAddWhileWriting(t *testing.T) {
	var out bytes.Buffer
	r := redactor(t, "first-value")
	w := r.Writer(&out)
	fmt.Fprint(w, "first-va")
	require.NoError(t, r.Add(secrets.New("second-value"), secrets.New("first-value-long")))
	fmt.Fprint(w, "lue second-value first-value-lo")
	fmt.Fprint(w, "ng")
	require.NoError(t, w.Close())
	require.Equal(t, "[redacted] [redacted] [redacted]", out.String())
}

func TestRedactorConcurrently(t *testing.T) {
	r := redactor(t, "value-zero")
	var wg sync.WaitGroup
	for i := range 8 {
		own := fmt.Sprintf("value-of-%d", i)
		wg.Go(func() {
			for range 50 {
				if err := r.Add(secrets.New(own)); err != nil {
					panic(err)
				}
				if got := r.String("x " + own + " value-zero"); got != "x [redacted] [redacted]" {
					panic(got)
				}
			}
		})
	}
	var out bytes.Buffer
	w := r.Writer(&out)
	for range 4 {
		wg.Go(func() {
			for range 200 {
				fmt.Fprint(w, "a line with value-zero\n")
			}
		})
	}
	wg.Wait()
	require.NoError(t, w.Close())
	require.Equal(t, strings.Repeat("a line with [redacted]\n", 800), out.String())
}

func TestRedactorReportsTheWriterBehind(t *testing.T) {
	full := errors.New("no space")
	w := redactor(t, "a value").Writer(writerFunc(func(p []byte) (int, error) { return 0, full }))
	_, err := w.Write([]byte("some text"))
	require.ErrorIs(t, err, full)
	_, err = w.Write([]byte("more"))
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, w.Close(), full, "the text is incomplete, and Close says so")

	short := redactor(t, "a value").Writer(writerFunc(func(p []byte) (int, error) { return len(p) - 1, nil }))
	_, err = short.Write([]byte("some text"))
	require.ErrorIs(t, err, io.ErrShortWrite)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestRedactorHidesItself(t *testing.T) {
	r := redactor(t, "S3CR3T-value")
	text := fmt.Sprintf("%v %+v %#v %v", r, r, r, struct{ r *secrets.Redactor }{r})
	require.NotContains(t, text, "S3CR3T")
}

func TestBytesLeavesItsArgument(t *testing.T) {
	in := []byte("a value here")
	require.Equal(t, "[redacted] here", string(redactor(t, "a value").Bytes(in)))
	require.Equal(t, "a value here", string(in))
}
