package leakscan_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

// FuzzPlanted plants a secret in any text: it is found, in the same place when
// the text comes in pieces.
func FuzzPlanted(f *testing.F) {
	for i, p := range plants() {
		f.Add([]byte("some text"), []byte(" more"), uint8(i), uint64(i))
		f.Add([]byte(p.text()), []byte(p.before), uint8(i+1), uint64(i))
	}
	f.Add([]byte("-----BEGIN PRIVATE"+" KEY-----\nAAAA"), []byte("\\n"), uint8(3), uint64(1))
	f.Add([]byte("\x00\x01"), []byte("\x00"), uint8(0), uint64(2))
	all := append(plants(), planted{leakscan.LoadedValue, "", "correct horse battery", ""})
	s := newScanner(f, &leakscan.Options{Redactor: redactor(f, "correct horse battery")})
	f.Fuzz(func(t *testing.T, before, after []byte, which uint8, seed uint64) {
		if strings.Contains(string(before)+string(after), "leakscan:"+"allow") || strings.HasPrefix(string(before), "\xff\xfe") || strings.HasPrefix(string(before), "\xfe\xff") {
			return
		}
		p := all[int(which)%len(all)]
		whole := string(before) + "\n" + p.text() + string(after)
		findings := text(t, s, whole)
		at := int64(len(before) + 1 + len(p.before))
		found := p.rule == "assigned-secret" && strings.Contains(whole[:min(len(whole), 8000)], "\x00")
		for _, f := range findings {
			// A private key that was opened before may go as far as the planted.
			found = found || f.Rule == p.rule && f.Offset == at || f.Rule == "private-key" && f.Offset < at
		}
		require.True(t, found, "%s at %d, found %v", p.rule, at, findings)

		pieces := &uneven{strings.NewReader(whole), rand.New(rand.NewPCG(seed, 0))}
		require.Equal(t, findings, stream(t, s, pieces))
	})
}

// FuzzDiff proves that the diff of an added file has the findings of the file,
// and that no diff is too strange.
func FuzzDiff(f *testing.F) {
	for _, p := range plants() {
		f.Add("x\n" + p.text() + "// leakscan:" + "allow\n" + p.text())
		f.Add(p.before + p.secret)
	}
	f.Add("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n\\ No newline\n")
	f.Add("diff --cc x\n+++ b/x\n@@@ -1 -1 +1 @@@\n++a\n")
	s := newScanner(f, nil)
	f.Fuzz(func(t *testing.T, content string) {
		for range s.Diff(context.Background(), strings.NewReader(content)) {
			continue // whatever it is
		}
		if content == "" || strings.HasPrefix(content, "\xff\xfe") || strings.HasPrefix(content, "\xfe\xff") {
			return
		}
		lines := strings.SplitAfter(content, "\n")
		end := "\n\\ No newline at end of file\n"
		if lines[len(lines)-1] == "" {
			lines, end = lines[:len(lines)-1], ""
		}
		diff := fmt.Sprintf("diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1,%d @@\n+%s%s", len(lines), strings.Join(lines, "+"), end)
		var inDiff, inTree []leakscan.Finding
		for f, err := range s.Diff(context.Background(), strings.NewReader(diff)) {
			require.NoError(t, err)
			inDiff = append(inDiff, f)
		}
		for f, err := range s.Tree(context.Background(), fstest.MapFS{"f": {Data: []byte(content)}}) {
			require.NoError(t, err)
			f.Offset = 0
			inTree = append(inTree, f)
		}
		require.Equal(t, inTree, inDiff)
	})
}

// FuzzReadBaseline reads anything, and what it takes it writes again the same.
func FuzzReadBaseline(f *testing.F) {
	f.Add(`{"version":1,"entries":[{"rule":"jwt","path":"a","context":"0123456789abcdef","count":2}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := leakscan.ReadBaseline(strings.NewReader(text))
		if err != nil {
			return
		}
		var first, second strings.Builder
		require.NoError(t, b.Write(&first))
		again, err := leakscan.ReadBaseline(strings.NewReader(first.String()))
		require.NoError(t, err)
		require.NoError(t, again.Write(io.MultiWriter(&second)))
		require.Equal(t, first.String(), second.String())
	})
}
