package dotenv_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig/dotenv"
)

// breaks lists texts that break one rule each, on their last line, and how to
// write the same without breaking any.
var breaks = []struct {
	rule        dotenv.Rule
	text, fixed string
}{
	{dotenv.RuleEncoding, "A=\xff", ""},
	{dotenv.RuleBOM, "\ufeffA=1", "A=1"},
	{dotenv.RuleLineEnding, "A=1\r", "A=1\r\n"},
	{dotenv.RuleLineEnding, "A='x\r\ny'", "A='x\ny'"},
	{dotenv.RuleIgnored, "A", "A="},
	{dotenv.RuleIgnored, "export A", "export A=''"},
	{dotenv.RuleIgnored, "A 1", "A=1"},
	{dotenv.RuleLayout, "A=1\n # c", "A=1\n# c"},
	{dotenv.RuleLayout, "A=1\n \nB=2", "A=1\n\nB=2"},
	{dotenv.RuleLayout, "A=1\n# B=2", "A=1\n# B=2\n"},
	{dotenv.RuleName, "A-B=1", "A_B=1"},
	{dotenv.RuleName, "export=1", "exported=1"},
	{dotenv.RuleName, "__proto__=1", "proto=1"},
	{dotenv.RuleSeparator, "A: 1", "A=1"},
	{dotenv.RuleSeparator, "A=\n'1'", "A='1'"},
	{dotenv.RuleSeparator, "export\nA=1", "export A=1"},
	{dotenv.RuleExport, "export  A=1", "export A=1"},
	{dotenv.RuleExport, "export A=", "A="},
	{dotenv.RuleSpace, "A=\t1", "A=1"},
	{dotenv.RuleSpace, "A=1\u00a0x", "A='1\u00a0x'"},
	{dotenv.RuleSpace, "A= ", "A="},
	{dotenv.RuleSpace, `A=' \x'`, `A='\x'`},
	{dotenv.RuleSpace, "A='x \ny'", "A='x\ny'"},
	{dotenv.RuleComment, "A=a#b", "A='a#b'"},
	{dotenv.RuleComment, "A=#b", "A='#b'"},
	{dotenv.RuleComment, "A=a # b # c", "A=a # b, c"},
	{dotenv.RuleComment, "A='a' # it's 'b'", "A='a' # it is b"},
	{dotenv.RuleDollar, "A=pa$$word", "A='pa$$word'"},
	{dotenv.RuleDollar, `A="$x"`, "A='$x'"},
	{dotenv.RuleBackslash, `A="C:\dir"`, `A='C:\dir'`},
	{dotenv.RuleBackslash, `A="a\\nb"`, `A='a\\nb'`},
	{dotenv.RuleBacktick, "A=`x`", "A='x'"},
	{dotenv.RuleQuote, `A='a\'b'`, `A="a'b"`},
	{dotenv.RuleQuote, `A='a\'`, `A=a\`},
	{dotenv.RuleTrailing, `A="a" b`, `A="a b"`},
	{dotenv.RuleTrailing, "A='it''s'", `A="it's"`},
	{dotenv.RuleUnterminated, `A="a`, `A="a"`},
}

func TestLintRules(t *testing.T) {
	for _, c := range breaks {
		found := dotenv.Lint(c.text)
		require.True(t, slices.ContainsFunc(found, func(f dotenv.Finding) bool { return f.Rule == c.rule }), "%q: %v", c.text, found)
		require.Empty(t, dotenv.Lint(c.fixed), "%q", c.fixed)
		for _, f := range found {
			require.NotEmpty(t, f.Why)
			require.NotEmpty(t, f.Readers)
			require.NotEmpty(t, f.Fix)
			require.NotContains(t, f.String(), "\n")
		}
	}
}

func TestLintIsSilentAboutUsualFiles(t *testing.T) {
	for _, text := range []string{
		"", "# c\n\n# it's\nA=1\n", "A=1\r\nB=2\r\n", "export A=1", "A=a b # c", "A='a b' # c", `A="a\nb"`, "A='a\nb'", "A = 1", "  A=1",
		"A=postgres://u:p@h/db?sslmode=require&x=1", "A=it's", `A='say "x"'`, `A="it's"`, `A=C:\dir`, "A=1\nA=2", "1A=1", "A.b=1", "A='#$x`\"'",
	} {
		require.Empty(t, dotenv.Lint(text), "%q", text)
	}
}

func TestLintTellsPlaceAndVariable(t *testing.T) {
	found := dotenv.Lint("A=1\r\n\r\nB=x#y\r\nC='a' b\r\nD=$x\r\nE")
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprint(f.Line, f.Name, " ", f.Rule))
	}
	require.Equal(t, []string{"3B comment", "4C trailing", "5D dollar", "6 ignored"}, got)
	require.Equal(t, `line 5: D: a "$" outside single quotes is expanded by some readers; put it in single quotes`, found[2].String())
}

func TestLintAdviceFitsTheValue(t *testing.T) {
	for text, want := range map[string]string{
		"A=$x": "put it in single quotes", "A=`it's`": "put it in double quotes", "A=it's $x": "write it in base64", `A=$x\`: "write it in base64",
	} {
		found := dotenv.Lint(text)
		require.Len(t, found, 1)
		require.Contains(t, found[0].Fix, want, text)
	}
}
