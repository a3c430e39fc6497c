package leakscan_test

import (
	"bytes"
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

func TestBaseline(t *testing.T) {
	s := newScanner(t, &leakscan.Options{Redactor: redactor(t, "the loaded value")})
	first, second := "sk"+"_live_"+alnum[:24], "sk"+"_live_"+alnum[24:48]
	old := text(t, s, "A_KEY="+first+"\nB_KEY="+first+"\nB_KEY="+first+"\nthe loaded value\n")
	require.Len(t, old, 4)
	var file bytes.Buffer
	require.NoError(t, leakscan.NewBaseline(old).Write(&file))
	b, err := leakscan.ReadBaseline(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)

	fresh, stale := b.Filter(old)
	require.Equal(t, []place{{leakscan.LoadedValue, 4, 1}}, places(fresh), "a baseline does not know loaded values")
	require.Empty(t, stale)

	fresh, _ = b.Filter(text(t, s, "\n\nA_KEY="+first+"\nC_KEY="+first+"\n"))
	require.Equal(t, []place{{"stripe-key", 4, 7}}, places(fresh), "lines may move")

	fresh, _ = b.Filter(text(t, s, strings.Repeat("B_KEY="+first+"\n", 3)))
	require.Equal(t, []place{{"stripe-key", 3, 7}}, places(fresh), "one more than before")

	_, stale = b.Filter(text(t, s, "B_KEY="+first+"\n"))
	require.Len(t, stale, 2)
	for _, e := range stale {
		require.Equal(t, leakscan.Entry{Rule: "stripe-key", Path: "a.txt", Context: e.Context, Count: 1}, e)
	}

	// It has nothing of the secret: another one makes the same file.
	var other bytes.Buffer
	require.NoError(t, leakscan.NewBaseline(text(t, s, "A_KEY="+second+"\nB_KEY="+second+"\nB_KEY="+first+"\n")).Write(&other))
	require.Equal(t, file.String(), other.String())
}

// TestBaselineKnowsNoNeighbour proves that of two secrets on a line neither is
// in the context of the other.
func TestBaselineKnowsNoNeighbour(t *testing.T) {
	s := newScanner(t, nil)
	for _, between := range [][2]string{{"PASSWORD=", " KEY="}, {"PASSWORD=", " "}, {`["`, `", "`}, {"mysql -p", " -k "}, {"", ""}} {
		context := func(neighbour string) string {
			var b bytes.Buffer
			require.NoError(t, leakscan.NewBaseline(text(t, s, between[0]+neighbour+between[1]+"sk"+"_live_"+alnum[:24]+"\n")).Write(&b))
			require.Contains(t, b.String(), "stripe-key")
			return b.String()
		}
		require.Equal(t, context(alnum[:18]), context(alnum[20:38]), between)
	}
}

func TestReadBaselineRefuses(t *testing.T) {
	entry := func(rule, context, count string) string {
		return `{"version":1,"entries":[{"rule":"` + rule + `","path":"a","context":"` + context + `","count":` + count + `}]}`
	}
	_, err := leakscan.ReadBaseline(strings.NewReader(entry("jwt", "0123456789abcdef", "1")))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"nothing": "", "other text": "PASSWORD=hunter22", "version": `{"version":2,"entries":[]}`, "field": `{"version":1,"hunter22":1}`,
		"more": `{"version":1,"entries":[]} hunter22`, "rule": entry("hunter22", "0123456789abcdef", "1"),
		"loaded": entry(leakscan.LoadedValue, "0123456789abcdef", "1"), "context": entry("jwt", "hunter22", "1"), "count": entry("jwt", "0123456789abcdef", "0"),
	} {
		_, err := leakscan.ReadBaseline(strings.NewReader(text))
		var typed *leakscan.Error
		require.ErrorAs(t, err, &typed, name)
		require.NotContains(t, err.Error(), "hunter22", name)
	}
}

func TestCheck(t *testing.T) {
	ctx := context.Background()
	tree := fstest.MapFS{"a/b.env": {Data: []byte("KEY=sk" + "_live_" + alnum[:24] + "\n")}, "c": {Data: []byte("nothing")}}
	s := newScanner(t, nil)
	err := s.Check(ctx, tree)
	require.ErrorIs(t, err, leakscan.ErrFindings)
	require.ErrorContains(t, err, "a/b.env:1:5: stripe-key")
	require.NotContains(t, err.Error(), alnum[:8])

	var findings []leakscan.Finding
	for f, err := range s.Tree(ctx, tree) {
		require.NoError(t, err)
		findings = append(findings, f)
	}
	known := newScanner(t, &leakscan.Options{Baseline: leakscan.NewBaseline(findings)})
	require.NoError(t, known.Check(ctx, tree))

	tree["d"] = &fstest.MapFile{Data: []byte(strings.Repeat("sk"+"_live_"+alnum[:24]+"\n", 30))}
	require.ErrorContains(t, known.Check(ctx, tree), "and 10 more")
	denied := &broken{FS: fstest.MapFS{"closed": {}, "z": {}}}
	require.ErrorIs(t, s.Check(ctx, denied), fs.ErrPermission, "what was not read is not clean")
	require.NotErrorIs(t, s.Check(ctx, denied), leakscan.ErrFindings)

	stopped, cancel := context.WithCancelCause(ctx)
	cancel(errStopped)
	require.ErrorIs(t, known.Check(stopped, tree), errStopped)
}
