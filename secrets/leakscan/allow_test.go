package leakscan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

func TestAllow(t *testing.T) {
	key := "sk" + "_live_" + alnum[:24]
	id := "AK" + "IA" + upper[:16]
	const allow = "leakscan:" + "allow"
	for name, c := range map[string]struct {
		text string
		want []place
	}{
		"on the line":                 {key + " // " + allow + "\n", nil},
		"with a reason":               {key + " # " + allow + " of the documentation\n", nil},
		"at the end of the text":      {key + " // " + allow, nil},
		"before it on the line":       {"/* " + allow + " */ " + key + "\n", nil},
		"of the rule":                 {key + " // " + allow + "=stripe-key\n", nil},
		"of two rules":                {key + id + " " + id + " // " + allow + "=aws-key-id,stripe-key why\n", nil},
		"of another rule":             {key + " // " + allow + "=jwt\n", []place{{"stripe-key", 1, 1}}},
		"of one of two":               {key + " " + id + " // " + allow + "=stripe-key\n", []place{{"aws-key-id", 1, len(key) + 2}}},
		"of no rule":                  {key + " // " + allow + "=stripe\n", []place{{"stripe-key", 1, 1}}},
		"of nothing":                  {key + " // " + allow + "=\n", []place{{"stripe-key", 1, 1}}},
		"another word":                {key + " // " + allow + "ed\n", []place{{"stripe-key", 1, 1}}},
		"on the line above":           {"\t// " + allow + "\n" + key + "\n", nil},
		"above, HTML":                 {"<!-- " + allow + " -->\n" + key + "\n", nil},
		"above, with code":            {"x := 1 // " + allow + "\n" + key + "\n", []place{{"stripe-key", 2, 1}}},
		"two lines above":             {"// " + allow + "\n\n" + key + "\n", []place{{"stripe-key", 3, 1}}},
		"on the line below":           {key + "\n// " + allow + "\n", []place{{"stripe-key", 1, 1}}},
		"above, and more on it":       {"// " + allow + "=jwt\n" + key + " // " + allow + "=stripe-key\n" + key + "\n", []place{{"stripe-key", 3, 1}}},
		"above a key of some lines":   {"# " + allow + "\n" + pem() + "\n", nil},
		"above, also an assigned":     {"# " + allow + "=stripe-key\nSECRET=" + key + "\n", nil},
		"of a loaded value":           {"the loaded value // " + allow + "\n", []place{{leakscan.LoadedValue, 1, 1}}},
		"of a loaded value, named":    {"the loaded value // " + allow + "=loaded-value\n", []place{{leakscan.LoadedValue, 1, 1}}},
		"of what is also an assigned": {"SECRET=" + key + " # " + allow + "=stripe-key\n", nil},
	} {
		s := newScanner(t, &leakscan.Options{Redactor: redactor(t, "the loaded value")})
		want := c.want
		if want == nil {
			want = []place{}
		}
		require.Equal(t, want, places(text(t, s, c.text)), name)
		// The same deep in a text.
		for i := range want {
			want[i].line += 10_000
		}
		require.Equal(t, want, places(text(t, s, strings.Repeat("some words of a text on a line\n", 10_000)+c.text)), name)
	}
}

// TestAllowAcrossWindows has the comment far from its secret, and in the middle
// of two windows.
func TestAllowAcrossWindows(t *testing.T) {
	s := newScanner(t, nil)
	key := "sk" + "_live_" + alnum[:24]
	for _, n := range []int{0, 200_000, 261_600, 261_890, 262_130, 700_000} {
		line := key + " " + strings.Repeat("x ", n/2) + "// leakscan:" + "allow=stripe-key\n"
		require.Empty(t, text(t, s, line), n)
		require.Len(t, text(t, s, line+key), 1, n)
	}
}
