package importlaw

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThirdPartyTypesInSignatures(t *testing.T) {
	for name, c := range map[string]struct{ decl, shows string }{
		"a parameter":           {"func Seal(r age.Recipient) {}", "Seal shows the third-party filippo.io/age.Recipient"},
		"a result":              {"func Open() (*age.X25519Identity, error) { return nil, nil }", "Open shows"},
		"a method":              {"type T struct{}\nfunc (t *T) Seal(r ...age.Recipient) {}", "Seal shows"},
		"a generic method":      {"type T[K any] struct{}\nfunc (t *T[K]) Seal(r age.Recipient) {}", "Seal shows"},
		"a field":               {"type T struct { R []age.Recipient }", "T shows"},
		"an embedded field":     {"type T struct { age.Recipient }", "T shows"},
		"an embedded interface": {"type T interface { age.Recipient }", "T shows"},
		"a method of one":       {"type T interface { Add(r age.Recipient) }", "T shows"},
		"a function type":       {"type T func(map[string]age.Recipient)", "T shows"},
		"a constraint":          {"type T[R age.Recipient] struct{}", "T shows"},
		"a variable":            {"var V age.Recipient", "V shows"},
		"an inferred variable":  {"var V = age.ErrIncorrectIdentity", "V shows"},
		"an alias":              {"type Recipient = age.Recipient", "Recipient shows"},
		"a hidden alias":        {"type r = age.Recipient\nfunc Seal(x r) {}", "Seal shows the third-party r"},

		"an unexported function":       {"func seal(r age.Recipient) {}", ""},
		"an unexported field":          {"type T struct { r age.Recipient }", ""},
		"an unexported type":           {"type t struct { R age.Recipient }", ""},
		"a method of an unexported":    {"type t struct{}\nfunc (t t) Seal(r age.Recipient) {}", ""},
		"the body of a function":       {"func Seal() { var r age.Recipient; _ = r }", ""},
		"the body of a function value": {"var Seal = func() { var r age.Recipient; _ = r }", ""},
		"an unexported variable":       {"var v age.Recipient", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "backup/a.go"), "package backup\n\nimport \"filippo.io/age\"\n\n"+c.decl+"\n")
			found, err := Check(dir)
			require.NoError(t, err)
			if c.shows == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0].String(), c.shows)
		})
	}
}

func TestRenamedImportsAreSeen(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "backup/a.go"), "package backup\n\nimport secret \"filippo.io/age\"\n\nfunc Seal(r secret.Recipient) {}\n")
	found, err := Check(dir)
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func TestPackageNamesAreGuessed(t *testing.T) {
	for path, name := range map[string]string{
		retryable: "retryablehttp", "github.com/jackc/pgx/v5": "pgx", "github.com/redis/go-redis/v9": "redis",
		"github.com/getsentry/sentry-go": "sentry", "gopkg.in/yaml.v3": "yaml", zstd + "/zstd": "zstd",
	} {
		require.Equal(t, name, packageName(path), path)
	}
}
