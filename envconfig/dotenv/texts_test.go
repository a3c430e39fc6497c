package dotenv_test

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random texts; 0 is a new one")

// random returns a source of random numbers and prints its seed.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (-seed repeats it)", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

// Pieces of texts. Those that come often in real files stand several times.
var (
	names = []string{"A", "A", "B", "FOO", "FOO", "c_d", "1A", "A.b", "A-b", "export", "éA", "__proto__", ""}
	heads = []string{"", "", "", "", "export ", "  ", "\t", "export  ", "export\n", "\ufeff", "# ", "\u2003", "\v"}
	signs = []string{"=", "=", "=", "=", "=", " = ", "= ", "=\t", ": ", ":", ":\n", "=\n", "\n=", " ", ""}
	ends  = []string{"\n", "\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n# c\n", " # it's\n", "#c\n", " \n", " x\n", "\u2028", "\n \n", ""}
	marks = []string{
		"x", "a b", "1", "n", "é", "😀", "'", `"`, "`", `\`, `\n`, `\r`, `\\`, `\'`, `\"`, "\\`", "#", " # ", "$x", "$A", "$$", "${A}", "\n",
		"\r\n", "\r", "\t", " ", "=", ":", "A=", "\nB=1\n", "\u00a0", "\u0085", "\u2028", "\u2029", "\u3000", "\ufeff", "\x00", "\x01", "(", "}", "/", "@", ",", "-----BEGIN ",
	}
)

// randomText returns a file of one to four variables, most of them odd.
func randomText(r *rand.Rand) string {
	var out strings.Builder
	for range 1 + r.IntN(4) {
		out.WriteString(pick(r, heads) + pick(r, names) + pick(r, signs))
		quote := pick(r, []string{"", "", "'", `"`, "`"})
		out.WriteString(quote + randomValue(r))
		if r.IntN(8) > 0 {
			out.WriteString(quote)
		}
		out.WriteString(pick(r, ends))
	}
	return out.String()
}

// usualText returns a file that a person could have written.
func usualText(r *rand.Rand) string {
	var out strings.Builder
	for range 1 + r.IntN(4) {
		out.WriteString(pick(r, []string{"", "", "", "# it's\n", "\n", "export "}) + pick(r, []string{"A", "B", "FOO", "c_d", "A.b"}) + pick(r, []string{"=", "=", "=", " = ", "= "}))
		quote := pick(r, []string{"", "'", "'", `"`})
		out.WriteString(quote)
		for range r.IntN(4) {
			out.WriteString(pick(r, []string{"x", "a b", " ", "1", "é", "/", ":", "@", "=", "\n", `\n`, `\`, `"`, "'", "$", "#", ",", "(", "\u00a0", "\t"}))
		}
		out.WriteString(quote + pick(r, []string{"\n", "\n", "\n", " # c\n", "\r\n", ""}))
	}
	return out.String()
}

func randomValue(r *rand.Rand) string {
	var out strings.Builder
	for range r.IntN(6) {
		out.WriteString(pick(r, marks))
	}
	return out.String()
}
