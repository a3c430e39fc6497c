package leakscan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

func scanDiff(t testing.TB, s *leakscan.Scanner, diff string) (places []string, err error) {
	t.Helper()
	places = []string{}
	for f, e := range s.Diff(context.Background(), strings.NewReader(diff)) {
		if e != nil {
			require.NoError(t, err, "an error is the last")
			err = e
			continue
		}
		require.NoError(t, err)
		places = append(places, fmt.Sprintf("%s:%d:%d %s", f.Path, f.Line, f.Column, f.Rule))
	}
	return places, err
}

func TestDiff(t *testing.T) {
	k := key()
	for name, c := range map[string]struct {
		diff string
		want []string
	}{
		"added, removed and context": {
			"diff --git a/x.go b/x.go\nindex 1..2 100644\n--- a/x.go\n+++ b/x.go\n@@ -10,3 +20,4 @@ func f() {\n " + k + "\n-" + k + "\n+a\n+\t" + k + "\n last\n",
			[]string{"x.go:22:2 stripe-key"},
		},
		"two files and two hunks": {
			"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+" + k + "\n@@ -9,0 +9,2 @@\n+1\n+" + k + "\ndiff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -0,0 +1 @@\n+" + k + "\n",
			[]string{"a:1:1 stripe-key", "a:10:1 stripe-key", "b:1:1 stripe-key"},
		},
		"without git, with times": {
			"--- old/x\t2026-01-01 00:00:00\n+++ new dir/x y\t2026-01-02 00:00:00\n@@ -1 +1 @@\n-a\n+" + k + "\n",
			[]string{"new dir/x y:1:1 stripe-key"},
		},
		"renamed": {
			"diff --git a/old b/dir/new\nsimilarity index 90%\nrename from old\nrename to dir/new\n--- a/old\n+++ b/dir/new\n@@ -5 +5 @@\n-a\n+" + k + "\n",
			[]string{"dir/new:5:1 stripe-key"},
		},
		"renamed only":      {"diff --git a/old b/new\nsimilarity index 100%\nrename from old\nrename to new\n", []string{}},
		"deleted":           {"diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-" + k + "\n", []string{}},
		"binary":            {"diff --git a/x b/x\nBinary files a/x and b/x differ\n", []string{}},
		"empty":             {"", []string{}},
		"quoted path":       {"--- /dev/null\n+++ \"b/\\303\\251\\\"\\t.txt\"\n@@ -0,0 +1 @@\n+" + k + "\n", []string{"é\"\t.txt:1:1 stripe-key"}},
		"mnemonic":          {"--- i/x\n+++ w/x\n@@ -0,0 +1 @@\n+" + k + "\n", []string{"x:1:1 stripe-key"}},
		"skipped":           {"--- /dev/null\n+++ b/a/node_modules/x\n@@ -0,0 +1,2 @@\n+" + k + "\n+b\n", []string{}},
		"CRLF":              {"--- a/x\r\n+++ b/x\r\n@@ -0,0 +1,2 @@\r\n+a\r\n+" + k + "\r\n", []string{"x:2:1 stripe-key"}},
		"no newline":        {"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-" + k + "\n\\ No newline at end of file\n+" + k + "\n\\ No newline at end of file\n", []string{"x:1:1 stripe-key"}},
		"no newline before": {"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+" + k + "\n", []string{"x:2:1 stripe-key"}},
		"around the added":  {"--- a/x\n+++ b/x\n@@ -1,2 +1,4 @@\n+a\n " + k + "\n+b\n " + k + "\n", []string{}},
		"in the message":    {"commit 1\n\n    +" + k + "\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n\ncommit 2\n\n    +" + k + "\n", []string{}},
		"lines that look like headers": {
			"--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n--- a/y\n-@@ -1 +1 @@\n+++ b/z\n+@@ -1 +1 @@\n diff --git\n@@ -9,0 +9 @@\n+" + k + "\n",
			[]string{"x:9:1 stripe-key"},
		},
		"context without its space": {"--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n\n+" + k + "\n a\n", []string{"x:2:1 stripe-key"}},
		"of a merge": {
			"diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,3 -1,3 +1,4 @@@\n  same\n- gone from ours " + k + "\n -gone from theirs " + k + "\n+ ours " + k + "\n +theirs\n++" + k + "\n",
			[]string{"x:2:6 stripe-key", "x:4:1 stripe-key"},
		},
		"of a merge of three": {
			"diff --cc x\n--- a/x\n+++ b/x\n@@@@ -1 -1 -1 +1,2 @@@@\n   same\n+++" + k + "\n@@@@ -4 -4 -4 +5,2 @@@@\n   same\n+++" + k + "\n",
			[]string{"x:2:1 stripe-key", "x:6:1 stripe-key"},
		},
		"key in the context, part of it new": {
			"--- a/x\n+++ b/x\n@@ -1,5 +1,5 @@\n " + strings.Replace(strings.Replace(pem(), "\n", "\n ", 2), "\n"+strings.Repeat(alnum, 2)[:64]+"\n-----END", "\n-old\n+"+strings.Repeat(alnum, 2)[:64]+"\n -----END", 1) + "\n",
			[]string{"x:1:1 private-key"},
		},
		"allowed by a line that was there": {"--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n # leakscan:" + "allow\n+" + k + "\n", []string{}},
	} {
		got, err := scanDiff(t, newScanner(t, nil), c.diff)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}

func TestDiffRefuses(t *testing.T) {
	head := "--- a/x\n+++ b/x\n"
	k := key()
	for name, c := range map[string]struct {
		diff string
		want []string
	}{
		"other text":        {"PASSWORD=" + k + "\n", []string{}},
		"cut off":           {head + "@@ -1,2 +1,3 @@\n+" + k + "\n a\n", []string{"x:1:1 stripe-key"}},
		"cut off later":     {head + "@@ -1,2 +1 @@\n+" + k + "\n-a\n", []string{"x:1:1 stripe-key"}},
		"merge, cut off":    {head + "@@@ -1 -1 +1 @@@\n++" + k + "\n- a\n", []string{"x:1:1 stripe-key"}},
		"broken ranges":     {head + "@@ -1,x +1 @@\n+" + k + "\n", []string{}},
		"missing range":     {head + "@@ -1 @@\n", []string{}},
		"wrong mark":        {head + "@@ -1 +1,2 @@\n+" + k + "\n?hunter22\n", []string{"x:1:1 stripe-key"}},
		"too large numbers": {head + "@@ -1 +1,99999999999999999999 @@\n+" + k + "\n", []string{}},
	} {
		got, err := scanDiff(t, newScanner(t, nil), c.diff)
		require.ErrorIs(t, err, leakscan.ErrDiff, name)
		require.Equal(t, c.want, got, name)
		require.NotContains(t, err.Error(), "hunter22")
	}
}

func TestDiffWithLongLines(t *testing.T) {
	k := key()
	long := strings.Repeat("x ", 400_000)
	got, err := scanDiff(t, newScanner(t, nil), "diff --git "+long+"\n--- a/x\n+++ b/x\n@@ -1,3 +1,4 @@ "+long+"\n "+long+k+"\n-"+long+k+"\n+"+long+k+"\n+"+k+"\n "+long+"\n")
	require.NoError(t, err)
	require.Equal(t, []string{"x:2:800001 stripe-key", "x:3:1 stripe-key"}, got)
}

func TestDiffStops(t *testing.T) {
	diff := "--- a/x\n+++ b/x\n@@ -0,0 +1,3 @@\n+" + strings.Repeat(key()+"\n+", 2) + "x\n"
	n := 0
	for range newScanner(t, nil).Diff(context.Background(), strings.NewReader(diff)) {
		n++
		break
	}
	require.Equal(t, 1, n)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errStopped)
	for _, err := range newScanner(t, nil).Diff(ctx, strings.NewReader(strings.Repeat(diff, 100))) {
		if err != nil {
			require.ErrorIs(t, err, errStopped)
		}
	}
}
