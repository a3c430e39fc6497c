package progress

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0 s", 0: "0.0 s", 40 * time.Millisecond: "0.0 s", 1249 * time.Millisecond: "1.2 s",
		59949 * time.Millisecond: "59.9 s", 59960 * time.Millisecond: "1 min 00 s", 61 * time.Second: "1 min 01 s",
		59*time.Minute + 59*time.Second + 400*time.Millisecond: "59 min 59 s", 59*time.Minute + 59*time.Second + 600*time.Millisecond: "1 h 00 min",
		26*time.Hour + 3*time.Minute: "26 h 03 min",
	} {
		require.Equal(t, want, duration(d), "%d", d)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"a\u202eb\u2066c\u200b":        "abc",
		"\x1b[1;31mred\x1b[0m\x1b(B":   "red",
		"\x1b]8;;http://x\x1b\\link":   "link",
		"10 %\r100 %\r":                "100 %",
		"a\tb\x00\x07\x9bc\u2028d\xff": "a b\uFFFDcd\uFFFD",
	} {
		require.Equal(t, want, clean(in), "%q", in)
	}
}

func TestCut(t *testing.T) {
	require.Equal(t, "abc", cut("abc", 3))
	require.Equal(t, "ab…", cut("abcd", 3))
	require.Equal(t, "日…", cut("日本語", 4))
	require.Equal(t, "…", cut("日本語", 1))
	require.Equal(t, strings.Repeat("x", 1000), cut(strings.Repeat("x", 1000), noLimit))
}

func TestWrap(t *testing.T) {
	require.Equal(t, []string{"short"}, wrap("short", 30))
	require.Equal(t, []string{"one two three four five six", "  seven eight"}, wrap("one two three four five six seven eight", 28))
	require.Equal(t, []string{"0123456789", "0123456789", "01"}, wrap("0123456789012345678901", 10))
}

func FuzzText(f *testing.F) {
	f.Add("plain", 10)
	f.Add("\x1b[31mred\x1b[0m 日本語 \x1b]0;t\x07 \u202e\xff\r50%\r100%", 7)
	f.Add("  leading spaces and words", 5)
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 2 || most > 200 {
			return
		}
		c := clean(s)
		require.True(t, utf8.ValidString(c))
		require.False(t, strings.ContainsFunc(c, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }), "%q", c)
		require.LessOrEqual(t, columns(cut(c, most)), most)
		letters := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		lines := wrap(c, most)
		require.Equal(t, letters(c), letters(strings.Join(lines, "")), "nothing is lost")
		for _, line := range lines {
			require.LessOrEqual(t, columns(line), most)
		}
	})
}
