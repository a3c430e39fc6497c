package release_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/secrets"
)

func TestSpecListsAllProblems(t *testing.T) {
	s := release.Spec{
		ID:      "../v1",
		Env:     map[string]string{"A-B": "x", "TWICE": "x", "": "x"},
		Secrets: map[string]secrets.Value{"TWICE": secrets.New("hidden"), "QUOTES": secrets.New("hidden'\"`")},
		Shared:  []string{"a", "a/b", "../out", "/abs", "", ".", "a", "env"},
	}
	err := s.Validate()
	require.ErrorIs(t, err, release.ErrID)
	require.ErrorIs(t, err, release.ErrSpec)
	for _, part := range []string{
		`ID "../v1"`, "either From or Fill", `"A-B"`, `variable ""`, "variable TWICE is in Env and in Secrets", "variable QUOTES",
		`Shared[1] "a/b" is inside Shared[0]`, `Shared[2] "../out"`, `Shared[3] "/abs"`, `Shared[4] ""`, `Shared[5] "."`,
		`Shared[6] "a" is inside Shared[0]`, `Shared[7] "env" is the env file`,
	} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), "hidden")

	d := open(t, filepath.Join(t.TempDir(), "root"))
	_, staged := d.Stage(t.Context(), s)
	require.ErrorIs(t, staged, release.ErrSpec)
	require.NoDirExists(t, d.Root(), "refused before anything is made")

	for _, name := range []string{"..", "a/b", "/env", "."} {
		s := spec("v1")
		s.EnvFile = name
		require.ErrorIs(t, s.Validate(), release.ErrSpec, name)
	}
	good := spec("v1")
	require.NoError(t, good.Validate())
	good.Fill = func(context.Context, string) error { return nil }
	require.ErrorIs(t, good.Validate(), release.ErrSpec, "not both")
}

func TestEnvFileInTheWay(t *testing.T) {
	s := spec("v1")
	s.From.(fstest.MapFS)["env"] = &fstest.MapFile{Data: []byte("A=1")}
	_, err := open(t, t.TempDir()).Stage(t.Context(), s)
	require.ErrorIs(t, err, release.ErrSpec)
	require.ErrorContains(t, err, "set EnvFile")
	s.EnvFile = ".env"
	r, err := open(t, t.TempDir()).Stage(t.Context(), s)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(r.Path, ".env"))
}

func TestShared(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "shared/config"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "shared/config/app.json"), []byte("kept"), 0o600))
	s := spec("v1")
	s.Shared = []string{"config/app.json", "public/media/users"}
	r, err := d.Stage(t.Context(), s)
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(r.Path, "config/app.json"))
	require.NoError(t, err)
	require.Equal(t, "kept", string(data))
	require.NoError(t, os.WriteFile(filepath.Join(r.Path, "public/media/users/1"), nil, 0o600))
	require.FileExists(t, filepath.Join(root, "shared/public/media/users/1"))

	// A link of the artefact must not lead out of the release.
	outside := t.TempDir()
	s = release.Spec{ID: "v2", Shared: []string{"link/x"}, Fill: func(_ context.Context, dir string) error {
		return os.Symlink(outside, filepath.Join(dir, "link"))
	}}
	_, err = d.Stage(t.Context(), s)
	require.ErrorIs(t, err, release.ErrSpec)
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, entries)
}

var values = []string{
	"", "plain", "a b", "#no comment", "a#b", " spaces ", "it's", `say "x"`, `it's "x"`, "`x`", "it's `x`", `"x" and ` + "`y`",
	"two\nlines", "two\nlines with ' and more\n", `back\slash`, `C:\dir\`, `C:\new\run`, `it's C:\new`, `a\'b`, `$HOME ${X} $(y)`, "it's $5",
	"a=b", "export X=1", "=", "'", `"`, "\n", "\t", "é漢", "postgresql://u:p%40@h:5432/db?x=1&y=2", "'a'\n'b'", "a\n#b\n'c'",
}

func TestQuote(t *testing.T) {
	for _, v := range values {
		checkQuote(t, v)
	}
	for _, v := range []string{"\x00", "a\rb", "'\"`", `it's "\n" ` + "`", `a b\`} {
		_, ok := release.Quote(v)
		require.False(t, ok, "%q", v)
	}
}

func FuzzQuote(f *testing.F) {
	for _, v := range values {
		f.Add(v)
	}
	f.Fuzz(checkQuote)
}

// checkQuote reads the value back between two others, by both grammars.
func checkQuote(t *testing.T, value string) {
	quoted, ok := release.Quote(value)
	if !ok {
		return
	}
	text := "BEFORE='1'\nV=" + quoted + "\nAFTER=\"2\"\nLAST=`3`\n"
	want := map[string]string{"BEFORE": "1", "V": value, "AFTER": "2", "LAST": "3"}
	require.Equal(t, want, parseDotenv(text), "%q", quoted)
	require.Equal(t, want, parseNode(text), "%q", quoted)
}

// line is the grammar of the npm package dotenv, version 16.
var line = regexp.MustCompile("(?m)^\\s*(?:export\\s+)?([\\w.-]+)(?:\\s*=\\s*?|:\\s+?)(\\s*'(?:\\\\'|[^'])*'|\\s*\"(?:\\\\\"|[^\"])*\"|\\s*`(?:\\\\`|[^`])*`|[^#\\r\\n]+)?\\s*(?:#.*)?(?:$|$)")

func parseDotenv(text string) map[string]string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	vars := map[string]string{}
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		value := strings.TrimSpace(m[2])
		quote := ""
		if value != "" && strings.Contains("'\"`", value[:1]) && len(value) > 1 && value[0] == value[len(value)-1] {
			quote, value = value[:1], value[1:len(value)-1]
		}
		if quote == `"` {
			value = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(value)
		}
		vars[m[1]] = value
	}
	return vars
}

// parseNode is the grammar of node --env-file: a quote ends at the next one of
// its kind.
func parseNode(text string) map[string]string {
	vars := map[string]string{}
	for text != "" {
		name, rest, _ := strings.Cut(text, "=")
		var value string
		if rest != "" && strings.Contains("'\"`", rest[:1]) {
			quote := rest[:1]
			value, rest, _ = strings.Cut(rest[1:], quote)
			if quote == `"` {
				value = strings.ReplaceAll(value, `\n`, "\n")
			}
			_, rest, _ = strings.Cut(rest, "\n")
		} else {
			value, rest, _ = strings.Cut(rest, "\n")
			value, _, _ = strings.Cut(value, "#")
			value = strings.TrimSpace(value)
		}
		vars[name], text = value, rest
	}
	return vars
}
