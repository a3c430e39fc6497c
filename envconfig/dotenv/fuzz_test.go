package dotenv_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig/dotenv"
)

// Whatever the text, nothing panics, lines are those of the text and in order,
// and what was read can be written and read again, or is refused by name.
func FuzzParse(f *testing.F) {
	for _, row := range table {
		f.Add(row.text)
	}
	for _, c := range breaks {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := 1 + strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n")
		entries, err := dotenv.Parse(text, dotenv.Node)
		last := 1
		for _, e := range entries {
			require.GreaterOrEqual(t, e.Line, last)
			require.LessOrEqual(t, e.Line, lines)
			require.NotContains(t, e.Value, "\r\n")
			last = e.Line
			roundTrip(t, e.Name, e.Value)
		}
		for _, one := range split(t, err) {
			require.Positive(t, one.Line)
			require.LessOrEqual(t, one.Line, lines)
		}
		last = 1
		for _, found := range dotenv.Lint(text) {
			require.GreaterOrEqual(t, found.Line, last)
			require.LessOrEqual(t, found.Line, lines)
			last = found.Line
		}
		if err != nil {
			require.NotEmpty(t, dotenv.Lint(text), "an error that Lint is silent about: %v", err)
		}
	})
}

// What is written is read back, whatever stands above and below.
func FuzzFormat(f *testing.F) {
	for _, value := range marks {
		f.Add("A", value+" "+value)
	}
	f.Fuzz(roundTrip)
}

func roundTrip(t *testing.T, name, value string) {
	entry := dotenv.Entry{Name: name, Value: value}
	text, err := dotenv.Format([]dotenv.Entry{entry, {Name: "next", Value: "'"}, entry}, dotenv.Node)
	if err != nil {
		require.Empty(t, text)
		require.Len(t, split(t, err), 2)
		return
	}
	entries, err := dotenv.Parse("# it's\n"+text+`x="`, dotenv.Node)
	require.Len(t, split(t, err), 1)
	require.Len(t, entries, 4)
	for _, i := range []int{0, 2} {
		require.Equal(t, name, entries[i].Name)
		require.Equal(t, value, entries[i].Value)
	}
	require.Equal(t, "'", entries[1].Value)
}
