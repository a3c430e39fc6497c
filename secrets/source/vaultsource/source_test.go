package vaultsource_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/source/vaultsource"
	"github.com/masaruk/devops/secrets/sourcetest"
)

var canary = secrets.New(token)

func TestContract(t *testing.T) {
	known := map[string]secrets.Value{
		"app/db#password":   secrets.New("canary of the database"),
		"app/db#tls.key":    secrets.New("-----BEGIN KEY-----\ncanary <of> \"TLS\" \u2603\n-----END KEY-----\n"),
		"app/db#empty":      secrets.New(""),
		"app/api":           secrets.New(" canary of the API "),
		"app/a b%2f+c#d#e?": secrets.New("canary of odd names"),
	}
	v := newVault(t, false)
	for name, value := range known {
		path, field, ok := strings.Cut(name, "#")
		if !ok {
			field = "value"
		}
		if v.mounts["secret"][path] == nil {
			v.put(path, map[string]any{})
		}
		v.mounts["secret"][path][0].data[field] = value.Reveal()
	}
	t.Run("token", func(t *testing.T) {
		sourcetest.Run(t, known, func() (secrets.Source, error) {
			return vaultsource.New(v.URL, &vaultsource.Options{Token: canary})
		})
	})
	t.Run("file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		sourcetest.Run(t, known, func() (secrets.Source, error) {
			return vaultsource.New(v.URL, &vaultsource.Options{TokenFile: file})
		})
	})
}

func lookup(t *testing.T, s *vaultsource.Source, name string) (string, error) {
	t.Helper()
	v, err := s.Lookup(t.Context(), name)
	if err != nil {
		require.True(t, v.IsZero())
		var failed *secrets.SourceError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, name, failed.Name)
		requireHidden(t, err)
	}
	return v.Reveal(), err
}

// requireHidden looks for the token and the canaries in err and all it wraps.
func requireHidden(t *testing.T, err error) {
	t.Helper()
	for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
		require.NotContains(t, fmt.Sprintf(format, err), "canary")
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if e.Unwrap() != nil {
			requireHidden(t, e.Unwrap())
		}
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			requireHidden(t, below)
		}
	}
}

func TestMountAndNamespace(t *testing.T) {
	v := newVault(t, false)
	v.namespace = "team/payments"
	v.mounts["kv/prod"] = map[string][]version{"db": {{data: map[string]any{"value": "x"}}}}
	s := v.source(t, vaultsource.Options{Token: canary, Mount: "kv/prod", Namespace: "team/payments"})
	got, err := lookup(t, s, "db")
	require.NoError(t, err)
	require.Equal(t, "x", got)
	require.Equal(t, "true", v.requests[0].Header.Get("X-Vault-Request"))

	_, err = lookup(t, v.source(t, vaultsource.Options{Token: canary, Mount: "kv/prod"}), "db")
	require.ErrorIs(t, err, fs.ErrPermission)
}

func TestVersions(t *testing.T) {
	v := newVault(t, false)
	for _, text := range []string{"one", "two", "three", "four"} {
		v.put("db", map[string]any{"password": text})
	}
	v.mounts["secret"]["db"][1].deleted = "2023-12-06T17:20:38.209728575Z"
	v.mounts["secret"]["db"][2].destroyed = true
	s := v.source(t, vaultsource.Options{Token: canary})
	for name, want := range map[string]string{"db#password": "four", "db?version=1#password": "one", "db?version=4#password": "four"} {
		got, err := lookup(t, s, name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	_, err := lookup(t, s, "db?version=2#password")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, `version 2 of it was deleted at "2023-12-06T17:20:38.209728575Z"`)
	_, err = lookup(t, s, "db?version=3#password")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "version 3 of it was destroyed")
	_, err = lookup(t, s, "db?version=5#password")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = lookup(t, s, "db#user")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, `version 4 of it has no field "user"`)

	asked := v.asked()
	for _, name := range []string{
		"db?version=0", "db?version=01", "db?version=-1", "db?version=+1", "db?version=x", "db?version=", "db?", "db?cas=1",
		"db?version=99999999999", "db#", "/db", "db/", "a//b", "a/./b", "a/../b", "..", "", "#password", "a\nb", "a\x00b", "\xff",
	} {
		_, err := lookup(t, s, name)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, fs.ErrNotExist, name)
	}
	require.Equal(t, asked, v.asked(), "such names are not asked for")
}

func TestFieldsThatAreNoStrings(t *testing.T) {
	v := newVault(t, false)
	v.put("db", map[string]any{
		"port": 5432, "big": 1 << 60, "on": true, "null": nil, "list": []string{"canary"}, "map": map[string]any{"a": "canary"},
		"hidden": "x" + secrets.Placeholder,
	})
	s := v.source(t, vaultsource.Options{Token: canary})
	for field, want := range map[string]string{"port": "5432", "big": "1152921504606846976", "on": "true"} {
		got, err := lookup(t, s, "db#"+field)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, field := range []string{"null", "list", "map"} {
		_, err := lookup(t, s, "db#"+field)
		require.ErrorContains(t, err, "no text")
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
	_, err := lookup(t, s, "db#hidden")
	require.ErrorIs(t, err, secrets.ErrRedacted)
}

func TestFailuresAreNotMissingSecrets(t *testing.T) {
	respond := func(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	const secret = `{"data":{"data":{"value":"canary of the database"},"metadata":{"version":1}}}`
	for name, c := range map[string]struct {
		before func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		"sealed":           {respond(503, `{"errors":["Vault is sealed"]}`), "Vault is sealed"},
		"internal":         {respond(500, `{"errors":["1 error occurred:\n\t* `+token+` could not find version data\n\n"]}`), "could not find version data"},
		"with data":        {respond(500, secret), "status 500"},
		"bad gateway":      {respond(502, "<html>canary</html>"), "status 502"},
		"bad request":      {respond(400, `{"errors":["missing client token"]}`), "missing client token"},
		"404 of a proxy":   {respond(404, "<html>canary</html>"), "not Vault's"},
		"404 of another":   {respond(404, `{"message":"canary"}`), "not Vault's"},
		"404 without data": {respond(404, `{"data":{"data":null}}`), "not Vault's"},
		"version 1":        {respond(200, `{"data":{"value":"canary"}}`), "version 2"},
		"no data":          {respond(200, `{"data":{"data":null,"metadata":{"version":1}}}`), "version 2"},
		"page":             {respond(200, "<html>canary</html>"), "version 2"},
		"cut":              {respond(200, secret[:30], "Content-Length", "30"), "version 2"},
		"redirect":         {respond(307, "", "Location", "https://standby.example.com:8200/v1/canary?x=canary"), "https://standby.example.com:8200"},
		"huge":             {respond(200, strings.Repeat("canary", 1<<20)), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVault(t, false)
			v.put("db", map[string]any{"value": "canary of the database"})
			v.before = c.before
			_, err := lookup(t, v.source(t, vaultsource.Options{Token: canary}), "db")
			require.ErrorContains(t, err, c.want)
			require.NotErrorIs(t, err, fs.ErrNotExist)
			require.Equal(t, 1, v.asked(), "failures are not repeated")
		})
	}
}

func TestMountThatIsNotThereIsNoMissingSecret(t *testing.T) {
	v := newVault(t, false)
	_, err := lookup(t, v.source(t, vaultsource.Options{Token: canary, Mount: "other"}), "db")
	require.ErrorContains(t, err, "no handler for route")
	require.NotErrorIs(t, err, fs.ErrNotExist)
}

func TestVaultOutOfReach(t *testing.T) {
	v := newVault(t, false)
	s := v.source(t, vaultsource.Options{Token: canary})
	v.Close()
	_, err := lookup(t, s, "db")
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist)
}

func TestRateLimitIsWaitedFor(t *testing.T) {
	v := newVault(t, false)
	v.put("db", map[string]any{"value": "x"})
	limited := func(w http.ResponseWriter, wait string) bool {
		w.Header().Set("Retry-After", wait)
		answerErrors(w, http.StatusTooManyRequests, `request path "secret/data/db": rate limit quota exceeded`)
		return true
	}
	v.before = func(w http.ResponseWriter, _ *http.Request) bool { return len(v.requests) < 3 && limited(w, "0") }
	s := v.source(t, vaultsource.Options{Token: canary})
	got, err := lookup(t, s, "db")
	require.NoError(t, err)
	require.Equal(t, "x", got)
	require.Equal(t, 3, v.asked())

	v.before = func(w http.ResponseWriter, _ *http.Request) bool { return limited(w, "3600") }
	_, err = lookup(t, s, "db")
	require.ErrorContains(t, err, "rate limit quota exceeded")
	require.Equal(t, 4, v.asked())

	ctx, end := context.WithCancelCause(t.Context())
	why := errors.New("the program stops")
	v.before = func(w http.ResponseWriter, _ *http.Request) bool { end(why); return limited(w, "30") }
	_, err = s.Lookup(ctx, "db")
	require.ErrorIs(t, err, why)
	_, err = v.source(t, vaultsource.Options{TokenFile: "is not there"}).Lookup(ctx, "db")
	require.ErrorIs(t, err, why)
}

func TestTokenFileIsReadAnew(t *testing.T) {
	v := newVault(t, false)
	v.put("db", map[string]any{"value": "x"})
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	s := v.source(t, vaultsource.Options{TokenFile: file})

	_, err := lookup(t, s, "db")
	require.ErrorContains(t, err, "token file")
	require.NotErrorIs(t, err, fs.ErrNotExist, "the source is out of reach")
	write(" \n")
	_, err = lookup(t, s, "db")
	require.ErrorContains(t, err, "empty")
	write("canary one\ncanary two")
	_, err = lookup(t, s, "db")
	require.ErrorContains(t, err, "more than one line")
	require.Zero(t, v.asked())

	write(token)
	_, err = lookup(t, s, "db")
	require.NoError(t, err)
	const next = "hvs.token-canary-2"
	v.tokens = map[string]bool{next: true}
	write(next + "\n")
	_, err = lookup(t, s, "db")
	require.NoError(t, err)
	require.Equal(t, 2, v.asked(), "the new token counts at once")
}

func TestTokenThatIsReplacedMeanwhile(t *testing.T) {
	v := newVault(t, false)
	v.put("db", map[string]any{"value": "x"})
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	s := v.source(t, vaultsource.Options{TokenFile: file})
	write("hvs.canary-old")
	_, err := lookup(t, s, "db")
	require.ErrorIs(t, err, fs.ErrPermission)
	require.Equal(t, 1, v.asked(), "the same token is not tried again")

	v.before = func(http.ResponseWriter, *http.Request) bool { write(token); return false }
	got, err := lookup(t, s, "db")
	require.NoError(t, err)
	require.Equal(t, "x", got)
	require.Equal(t, 3, v.asked())

	write("hvs.canary-old")
	v.before = func(http.ResponseWriter, *http.Request) bool {
		write(fmt.Sprintf("hvs.canary-%d", len(v.requests)))
		return false
	}
	_, err = lookup(t, s, "db")
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "invalid token")
	require.Equal(t, 5, v.asked(), "once more and not for ever")
}

func TestGivenTokenIsTriedOnce(t *testing.T) {
	v := newVault(t, false)
	for _, given := range []secrets.Value{secrets.New("hvs.canary-other"), {}} {
		before := v.asked()
		_, err := lookup(t, v.source(t, vaultsource.Options{Token: given}), "db")
		require.ErrorIs(t, err, fs.ErrPermission)
		require.Equal(t, before+1, v.asked())
	}
	_, sent := v.requests[1].Header["X-Vault-Token"]
	require.False(t, sent)
}

func TestCertificateAuthority(t *testing.T) {
	v := newVault(t, true)
	v.put("db", map[string]any{"value": "x"})
	_, err := lookup(t, v.source(t, vaultsource.Options{Token: canary}), "db")
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	require.Zero(t, v.asked())

	roots := x509.NewCertPool()
	roots.AddCert(v.Certificate())
	got, err := lookup(t, v.source(t, vaultsource.Options{Token: canary, TLS: &tls.Config{RootCAs: roots}}), "db")
	require.NoError(t, err)
	require.Equal(t, "x", got)
	_, err = lookup(t, v.source(t, vaultsource.Options{Token: canary, Transport: v.Client().Transport}), "db")
	require.NoError(t, err)
}

func TestAddressMayHaveAPath(t *testing.T) {
	v := newVault(t, false)
	v.put("db", map[string]any{"value": "x"})
	proxy := httptest.NewServer(http.StripPrefix("/vault", v))
	defer proxy.Close()
	s, err := vaultsource.New(proxy.URL+"/vault/", &vaultsource.Options{Token: canary})
	require.NoError(t, err)
	defer s.Close()
	_, err = lookup(t, s, "db")
	require.NoError(t, err)
}

func TestRefusedOptions(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:8200", "http://127.3.2.1", "http://[::1]:8200", "http://LocalHost", "https://vault.example.com/x"} {
		_, err := vaultsource.New(address, nil)
		require.NoError(t, err, address)
	}
	_, err := vaultsource.New("http://vault.example.com", &vaultsource.Options{AllowHTTP: true})
	require.NoError(t, err)
	for _, address := range []string{
		"", "vault.example.com", "ftp://127.0.0.1", "https://", "https://:8200", "http://vault.example.com:8200", "http://127.0.0.1.example.com",
		"http://localhost.example.com", "https://canary@x", "https://u:canary@x", "https://x?canary", "https://x?", "https://x#canary", "https://x:canary", "https://x/%zz",
	} {
		_, err := vaultsource.New(address, nil)
		require.Error(t, err, address)
		requireHidden(t, err)
	}
	for name, o := range map[string]vaultsource.Options{
		"mount":     {Mount: "/secret"},
		"dots":      {Mount: "a/.."},
		"namespace": {Namespace: "a\nb"},
		"both":      {Token: canary, TokenFile: "x"},
		"token":     {Token: secrets.New("canary\nX: y")},
		"TLS":       {TLS: &tls.Config{}, Transport: http.DefaultTransport},
	} {
		_, err := vaultsource.New("https://vault.example.com", &o)
		require.Error(t, err, name)
		requireHidden(t, err)
	}
}
