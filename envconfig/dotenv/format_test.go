package dotenv_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig/dotenv"
)

func TestFormatChoosesQuotes(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"", "A=''\n"},
		{"postgres://u:p@h:5432/db", "A=postgres://u:p@h:5432/db\n"},
		{"a b", "A='a b'\n"},
		{"a#b", "A='a#b'\n"},
		{"$HOME", "A='$HOME'\n"},
		{`C:\new`, `A='C:\new'` + "\n"},
		{"line\nline\n", "A='line\nline\n'\n"},
		{"it's", "A=\"it's\"\n"},
		{`it's "x"`, `A=it's "x"` + "\n"},
		{`"it's"`, "A=`\"it's\"`\n"},
		{`"a` + "`" + `'b"`, "A='\"a`'b\"'\n"},
		{"a\rb", `A="a\rb"` + "\n"},
		{"'\"`", "A=''\"`'\n"}, // the outer ones go
		{"x'\"`", "A=x'\"`\n"}, // best without quotes
		{"x'\"`\n#", ""},       // a # ends what is not in quotes that close
		{`x\`, `A=x\` + "\n"},  // in quotes it would escape the closing one
		{` x\`, ""},            // and without them the space would go
		{`'\n` + "\r", ""},     // CR needs double quotes, in which \n is not two characters
		{"\x00", ""},
		{"a\xffb", ""}, // no environment holds it; no JavaScript string
		{"it's $5", "A=\"it's $5\"\n"},
		{" it's \n", "A=\" it's \n\"\n"},
	} {
		text, err := dotenv.Format([]dotenv.Entry{{Name: "A", Value: c.value}}, dotenv.Node)
		require.Equal(t, c.want, text, "%q", c.value)
		require.Equal(t, c.want == "", err != nil, "%q: %v", c.value, err)
		if err == nil {
			entries, err := dotenv.Parse(text, dotenv.Node)
			require.NoError(t, err)
			require.Equal(t, []dotenv.Entry{{Name: "A", Value: c.value, Line: 1}}, entries)
		}
	}
}

func TestFormatNamesEveryVariableThatItCannotWrite(t *testing.T) {
	text, err := dotenv.Format([]dotenv.Entry{
		{Name: "GOOD", Value: "1"}, {Name: "A-B"}, {Name: ""}, {Name: "1A"}, {Name: "A=B"}, {Name: "A\nB"}, {Name: "É"}, {Name: "__proto__"}, {Name: "NUL", Value: "\x00"},
	}, dotenv.Node)
	require.Empty(t, text)
	var names []string
	for _, one := range split(t, err) {
		require.Zero(t, one.Line)
		names = append(names, one.Name)
	}
	require.Equal(t, []string{"A-B", "", "1A", "A=B", "A\nB", "É", "__proto__", "NUL"}, names)
	for value, want := range map[string]string{"\xff": "UTF-8", "\x00": "NUL", "'\"`\n#": "quotes"} {
		_, err := dotenv.Format([]dotenv.Entry{{Name: "A", Value: value}}, dotenv.Node)
		require.ErrorContains(t, err, want)
	}
	text, err = dotenv.Format(nil, dotenv.Node)
	require.NoError(t, err)
	require.Empty(t, text)
}
