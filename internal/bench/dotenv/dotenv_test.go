package dotenv_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/joho/godotenv"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig/dotenv"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random texts; 0 is a new one")

type vars = map[string]string

// disagreements are texts that godotenv reads otherwise than the npm package
// dotenv, with what each makes of it; nil is an error.
var disagreements = []struct {
	rule      dotenv.Rule
	text      string
	npm, peer vars
}{
	{dotenv.RuleBOM, "\ufeffFOO=1", vars{"FOO": "1"}, nil},
	{dotenv.RuleLineEnding, "FOO='x\ry'", vars{"FOO": "x\ny"}, vars{"FOO": "x\ry"}},
	{dotenv.RuleIgnored, "FOO\n", vars{}, nil},
	{dotenv.RuleIgnored, "export FOO\n", vars{}, nil},
	{dotenv.RuleName, "FOO-BAR=1", vars{"FOO-BAR": "1"}, nil},
	{dotenv.RuleSeparator, "FOO:\nBAR=1", vars{"FOO": "BAR=1"}, vars{"FOO": "", "BAR": "1"}},
	{dotenv.RuleSpace, "FOO=\ufeff1", vars{"FOO": "1"}, vars{"FOO": "\ufeff1"}},
	{dotenv.RuleComment, "FOO=#bar", vars{"FOO": ""}, vars{"FOO": "#bar"}},
	{dotenv.RuleComment, "FOO=a#b", vars{"FOO": "a"}, vars{"FOO": "a#b"}},
	{dotenv.RuleComment, "FOO=a # b # c", vars{"FOO": "a"}, vars{"FOO": "a # b"}},
	{dotenv.RuleDollar, "FOO=a$NOPE", vars{"FOO": "a$NOPE"}, vars{"FOO": "a"}},
	{dotenv.RuleDollar, "FOO=${NOPE:-d}", vars{"FOO": "${NOPE:-d}"}, vars{"FOO": ":-d}"}},
	{dotenv.RuleBackslash, `FOO="a\tb"`, vars{"FOO": `a\tb`}, vars{"FOO": "atb"}},
	{dotenv.RuleBacktick, "FOO=`x y`", vars{"FOO": "x y"}, vars{"FOO": "`x y`"}},
	{dotenv.RuleQuote, `FOO="x\"y"`, vars{"FOO": `x\"y`}, vars{"FOO": `x"y`}},
	{dotenv.RuleTrailing, `FOO='it''s'`, vars{"FOO": `it''s`}, nil},
	{dotenv.RuleTrailing, "FOO=\"a\" b\n", vars{"FOO": `"a" b`}, nil},
	{dotenv.RuleUnterminated, `FOO="a`, vars{"FOO": `"a`}, nil},
}

// alike are texts that are odd, and read alike.
var alike = []string{
	"FOO=a b # c", `FOO="a\nb"`, `FOO='a\nb'`, `FOO=a\nb`, "FOO='a\nb'", "FOO=pa$$word", "FOO=sec$ret", "FOO='$HOME'", "FOO=$(id)",
	"FOO: y", "FOO = 1", "1FOO=1", "FOO=1\nFOO=2", "FOO=1\rBAR=2", "export FOO=1", `FOO="C:\new"`,
}

// read reads a text as the npm package does, which package dotenv is proven to
// do beside it.
func read(text string) vars {
	out := vars{}
	entries, _ := dotenv.Parse(text, dotenv.Node) // some of the texts are errors too
	for _, e := range entries {
		out[e.Name] = e.Value
	}
	return out
}

func TestFindingsNameARealDisagreement(t *testing.T) {
	for _, c := range disagreements {
		require.Equal(t, c.npm, read(c.text), "%q", c.text)
		peer, err := godotenv.Unmarshal(c.text)
		if c.peer == nil {
			require.Error(t, err, "%q", c.text)
		} else {
			require.NoError(t, err, "%q", c.text)
			require.Equal(t, c.peer, vars(peer), "%q", c.text)
		}
		require.True(t, slices.ContainsFunc(dotenv.Lint(c.text), func(f dotenv.Finding) bool {
			return f.Rule == c.rule && slices.Contains(f.Readers, dotenv.ReaderGodotenv)
		}), "%q: %v", c.text, dotenv.Lint(c.text))
	}
	for _, text := range alike {
		peer, err := godotenv.Unmarshal(text)
		require.NoError(t, err, "%q", text)
		require.Equal(t, read(text), vars(peer), "%q", text)
	}
}

// Where godotenv reads a random text otherwise, a finding names it; so where
// there is none, both read the same.
func TestEveryDisagreementIsFound(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (-seed repeats it)", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	same, other := 0, 0
	for range 40_000 {
		text := randomText(r)
		peer, err := godotenv.Unmarshal(text)
		if want := read(text); err == nil && equal(want, peer) {
			same++
			continue
		}
		other++
		require.True(t, slices.ContainsFunc(dotenv.Lint(text), func(f dotenv.Finding) bool {
			return slices.Contains(f.Readers, dotenv.ReaderGodotenv)
		}), "%q: %v, %v", text, err, dotenv.Lint(text))
	}
	t.Logf("%d texts are read alike, %d are not", same, other)
	require.Greater(t, same, 3_000)
	require.Greater(t, other, 3_000)
}

func equal(a, b vars) bool {
	for name, value := range a {
		if got, ok := b[name]; !ok || got != value {
			return false
		}
	}
	return len(a) == len(b)
}

func randomText(r *rand.Rand) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var out strings.Builder
	for range 1 + r.IntN(3) {
		out.WriteString(pick("", "", "", "# it's\n", "\n", "  ", "export ", "export  ", "\ufeff", "\u2003", "# ", "\t"))
		out.WriteString(pick("A", "B", "FOO", "c_d", "A.b", "1A", "A-b", "export", "__proto__"))
		out.WriteString(pick("=", "=", "=", "=", " = ", "= ", "=\t", ": ", ":", ":\n", "\n=", ""))
		quote := pick("", "", "'", "'", `"`, "`")
		out.WriteString(quote)
		for range r.IntN(5) {
			out.WriteString(pick("x", "a b", "x", "1", "é", "/", "=", ":", " ", "'", `"`, "`", `\`, `\n`, `\r`, "$", "$A", "#", " # ",
				"\n", "\r\n", "\r", "\t", "\u00a0", "\u0085", "\u2028", "\ufeff", "\x00"))
		}
		if r.IntN(10) > 0 {
			out.WriteString(quote)
		}
		out.WriteString(pick("\n", "\n", "\n", "\n\n", "\r\n", "\r", " # c\n", "#c\n", " x\n", "\n# c\n", ""))
	}
	return out.String()
}
