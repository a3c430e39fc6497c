package dotenv_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig/dotenv"
)

type vars = map[string]string

// table is what the npm package was measured to read.
var table = []struct {
	text string
	want vars
}{
	{"FOO=bar", vars{"FOO": "bar"}},
	{"FOO=", vars{"FOO": ""}},
	{"FOO=#bar", vars{"FOO": ""}},
	{"FOO= # c", vars{"FOO": ""}},
	{"FOO=a#b", vars{"FOO": "a"}},
	{"FOO=a b # c", vars{"FOO": "a b"}},
	{"FOO=`x y`", vars{"FOO": "x y"}},
	{`FOO="a\nb"`, vars{"FOO": "a\nb"}},
	{`FOO="a\rb"`, vars{"FOO": "a\rb"}},
	{`FOO='a\nb'`, vars{"FOO": `a\nb`}},
	{`FOO=a\nb`, vars{"FOO": `a\nb`}},
	{`FOO="x\"y"`, vars{"FOO": `x\"y`}},
	{`FOO='a\'b'`, vars{"FOO": `a\'b`}},
	{`FOO='it''s'`, vars{"FOO": `it''s`}},
	{`FOO="a" b`, vars{"FOO": `"a" b`}},
	{`FOO="C:\new"`, vars{"FOO": "C:\new"}},
	{`FOO="open`, vars{"FOO": `"open`}},
	{`FOO="op\nen`, vars{"FOO": "\"op\nen"}},
	{"FOO='a\nb'", vars{"FOO": "a\nb"}},
	{"FOO='a\r\nb'", vars{"FOO": "a\nb"}},
	{"FOO=${NOPE:-d}", vars{"FOO": "${NOPE:-d}"}},
	{"FOO=pa$$word", vars{"FOO": "pa$$word"}},
	{"FOO=$(id -un)", vars{"FOO": "$(id -un)"}},
	{"export FOO", vars{}},
	{"export FOO=1", vars{"FOO": "1"}},
	{"export=1", vars{"export": "1"}},
	{"FOO", vars{}},
	{"\ufeffFOO=1", vars{"FOO": "1"}},
	{"FOO=1\rBAR=2", vars{"FOO": "1", "BAR": "2"}},
	{"FOO: y", vars{"FOO": "y"}},
	{"FOO:y", vars{}},
	{"FOO = 1", vars{"FOO": "1"}},
	{"1FOO=1", vars{"1FOO": "1"}},
	{"A.b-c=1", vars{"A.b-c": "1"}},
	{"FOO=1\nFOO=2", vars{"FOO": "2"}},
	{"FOO=\n'bar'", vars{"FOO": "bar"}},
	{"FOO\n=bar", vars{"FOO": "bar"}},
	{"FOO:\nBAR=1", vars{"FOO": "BAR=1"}},
	{"__proto__=1\nFOO=2", vars{"FOO": "2"}},
	{"FOO= x\u2028\"y\"", vars{"FOO": "x\u2028y"}},
	{"FOO=1 # c\u2028BAR=2", vars{"FOO": "1", "BAR": "2"}},
}

func TestParseTable(t *testing.T) {
	for _, row := range table {
		entries, _ := dotenv.Parse(row.text, dotenv.Node) // some rows are errors too
		require.Equal(t, row.want, variables(entries), "%q", row.text)
	}
}

func TestParseKeepsOrderLinesAndDuplicates(t *testing.T) {
	entries, err := dotenv.Parse("\r\n# c\rA=1\r\n\n  B='x\ny'\nexport\nC\n=\n3\nA=2", dotenv.Node)
	require.ErrorContains(t, err, "line 10: ")
	require.Equal(t, []dotenv.Entry{
		{Name: "A", Value: "1", Line: 3}, {Name: "B", Value: "x\ny", Line: 5}, {Name: "C", Line: 8}, {Name: "A", Value: "2", Line: 11},
	}, entries)
}

func TestParseReportsWhatTheReaderTakesInSilence(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"# fine\nA='x'\n\nB=\n", nil},
		{"A=1\nB=\"open\nC=2", []string{"line 2: B: the quote"}},
		{"A='x' y'", nil},
		{"A=`open\nB=it's", []string{"line 1: A: the quote"}},
		{"A\nB=1\nexport C", []string{"line 1: the line", "line 3: the line"}},
		{"A=1\nx\ny\n\nz\n", []string{"line 2: 2 lines", "line 5: the line"}},
		{"__proto__=1", []string{"line 1: __proto__: "}},
		{"A=1\r\nB=\"\xff\"", []string{"line 2: there are bytes"}},
	} {
		_, err := dotenv.Parse(c.text, dotenv.Node)
		problems := split(t, err)
		require.Len(t, problems, len(c.want), "%q: %v", c.text, err)
		for i, want := range c.want {
			require.True(t, strings.HasPrefix(problems[i].Error(), want), "%q: %s", c.text, problems[i])
		}
	}
}

// split returns the problems that err joins.
func split(t *testing.T, err error) []*dotenv.SyntaxError {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	out := make([]*dotenv.SyntaxError, len(list))
	for i, one := range list {
		require.True(t, errors.As(one, &out[i]), "%v", one)
	}
	return out
}

func TestADialectHasToBeNamed(t *testing.T) {
	for _, d := range []dotenv.Dialect{0, 2, -1} {
		entries, err := dotenv.Parse("A=1", d)
		require.ErrorContains(t, err, "dotenv.Node")
		require.ErrorContains(t, err, d.String())
		require.Nil(t, entries)
		text, err := dotenv.Format([]dotenv.Entry{{Name: "A", Value: "1"}}, d)
		require.ErrorContains(t, err, "dotenv.Node")
		require.Empty(t, text)
	}
	require.Equal(t, "unset node Dialect(7)", fmt.Sprint(dotenv.Dialect(0), " ", dotenv.Node, " ", dotenv.Dialect(7)))
}

const canary = "c4n4ryS3cret"

// poisoned is the canary in every place that something is wrong with.
var poisoned = []string{
	"A='" + canary, `A="` + canary, "A='" + canary + "' " + canary, "A=" + canary + "#" + canary, "A=$" + canary + " # # " + canary,
	`A="` + canary + `\` + canary + `"`, "A=`" + canary + "`", "A='" + canary + "'" + canary + "'", canary, "export " + canary, "A " + canary,
	"A: " + canary, "A=\n'" + canary + "'", "A=\t" + canary, "A='" + canary + "\xff'", canary + "\xff", "A=" + canary + "\rB=1", "A='" + canary + "\r\n" + canary + "'\r\n",
	"A='" + canary + " \n" + canary + "'", "A='" + canary + "'#'" + canary, "\ufeffA=" + canary + "\u00a0x", "__proto__=$" + canary,
	"A=-----BEGIN PRIVATE KEY-----\n" + canary + "=\n" + canary + "=$x", `A="open` + "\n" + canary + "='\n" + canary + "-=", canary + "\n" + canary + "=`x`",
}

func TestNoErrorAndNoFindingHoldsAValue(t *testing.T) {
	said := 0
	for _, text := range poisoned {
		entries, err := dotenv.Parse(text, dotenv.Node)
		report := fmt.Sprintf("%v %+v", err, entries)
		for _, f := range dotenv.Lint(text) {
			said++
			report += fmt.Sprintf("%v %+v %#v", f, f, f)
		}
		for _, one := range split(t, err) {
			said++
			report += fmt.Sprintf("%+v %#v", one, *one)
		}
		for _, e := range entries {
			if strings.Contains(e.Name, canary) {
				e.Name = "" // a reader takes it for a name, and so does whoever asks for the entries
			}
			report += fmt.Sprintf("%v %+v %#v %s %q %x", e, e, e, e, &e, e)
		}
		report = strings.ReplaceAll(report, fmt.Sprint(entries), "")
		require.NotContains(t, report, canary, "%q", text)
	}
	require.Greater(t, said, 30)
	_, err := dotenv.Format([]dotenv.Entry{{Name: "A", Value: canary + "'\"`\n#"}, {Name: "B", Value: canary + "\x00"}}, dotenv.Node)
	require.Len(t, split(t, err), 2)
	require.NotContains(t, err.Error(), canary)
}

func TestAnEntryHidesItsValue(t *testing.T) {
	entry := dotenv.Entry{Name: "A", Value: canary, Line: 3}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, "A (line 3)", fmt.Sprintf(verb, entry), verb)
		require.NotContains(t, fmt.Sprintf(verb, []any{&entry, map[string]dotenv.Entry{"x": entry}}), canary, verb)
	}
	raw, err := json.Marshal(entry)
	require.NoError(t, err)
	require.NotContains(t, string(raw), canary)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("read", "entry", entry, "entries", []dotenv.Entry{entry})
	slog.New(slog.NewTextHandler(&log, nil)).Info("read", "entry", entry, "entries", []dotenv.Entry{entry})
	require.NotContains(t, log.String(), canary)
}
