package secrets_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func ExampleNewFingerprinter() {
	f, err := secrets.NewFingerprinter(secrets.New("0123456789abcdef0123456789abcdef"))
	if err != nil {
		panic(err)
	}
	staging, production := f.Of(secrets.New("correct horse")), f.Of(secrets.New("correct horse"))
	fmt.Println(staging)
	fmt.Println("shared:", staging == production)
	// Output:
	// v1.d644eaf2.85827c764d5800a17823bbec50ab0ca9
	// shared: true
}

func newFingerprinter(t *testing.T, key string) *secrets.Fingerprinter {
	t.Helper()
	f, err := secrets.NewFingerprinter(secrets.New(key))
	require.NoError(t, err)
	return f
}

func TestFingerprintsAreEqualOnlyForTheSameSecretAndKey(t *testing.T) {
	key := strings.Repeat("k", 32)
	f := newFingerprinter(t, key)
	seen := map[secrets.Fingerprint]string{}
	for _, s := range []string{"", "a", "b", "ab", "a\x00", "\x00a", strings.Repeat("a", 1<<16), " a", "A"} {
		p := f.Of(secrets.New(s))
		require.Equal(t, p, f.Of(secrets.New(s)))
		require.Equal(t, p, newFingerprinter(t, key).Of(secrets.New(s)))
		require.False(t, p.IsZero())
		_, twice := seen[p]
		require.False(t, twice, "%q and %q", s, seen[p])
		seen[p] = s
		for _, other := range []string{key + "k", key[:31] + "K"} {
			q := newFingerprinter(t, other).Of(secrets.New(s))
			require.NotEqual(t, p, q)
			require.False(t, p.SameKey(q))
			require.NotEqual(t, p.String()[12:], q.String()[12:], "the key is in its name only")
		}
		require.True(t, p.SameKey(f.Of(secrets.New("another"))))
	}
	require.Equal(t, f.Of(secrets.New("")), f.Of(secrets.Value{}))
}

// Stored fingerprints are compared with new ones for years: this is HMAC as
// other programs compute it, and must stay as it is.
func TestFingerprintIsTheWrittenFormula(t *testing.T) {
	// { printf 'github.com/masaruk/devops/secrets fingerprint v1 value\0'; printf secret; } |
	//	openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
	f := newFingerprinter(t, "0123456789abcdef0123456789abcdef")
	require.Equal(t, "v1.d644eaf2.ba0178d649ec7f7f07217d48d6c5fc36", f.Of(secrets.New("secret")).String())
}

func TestFingerprinterRefusesAShortKey(t *testing.T) {
	for _, key := range []string{"", "canary-of-31-bytes-canary-of-31"} {
		f, err := secrets.NewFingerprinter(secrets.New(key))
		require.ErrorContains(t, err, "needs 32 or more")
		require.Nil(t, f)
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestFingerprinterWithoutAKeyTellsNothing(t *testing.T) {
	var f secrets.Fingerprinter
	require.True(t, f.Of(secrets.New("a secret")).IsZero())
}

func TestFingerprinterHidesItsKey(t *testing.T) {
	f := newFingerprinter(t, "S3CR3T-key-of-the-fingerprints-of-all")
	for _, format := range []string{"%v", "%+v", "%#v", "%x", "%s"} {
		requireHidden(t, format, fmt.Sprintf(format, f))
		requireHidden(t, format, fmt.Sprintf(format, *f))
		requireHidden(t, format, fmt.Sprintf(format, f.Of(secrets.New("S3CR3T of all"))))
	}
}

func TestFingerprintText(t *testing.T) {
	f := newFingerprinter(t, strings.Repeat("k", 32))
	type report struct {
		P secrets.Fingerprint
		M map[secrets.Fingerprint]string
		Z secrets.Fingerprint
	}
	p := f.Of(secrets.New("a secret"))
	want := report{P: p, M: map[secrets.Fingerprint]string{p: "STG"}}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	require.Contains(t, string(text), `"P":"v1.`)
	require.Contains(t, string(text), `"Z":""`)
	var got report
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, want, got)
	require.Len(t, p.String(), 44)
	require.False(t, got.Z.SameKey(got.Z))
	require.NoError(t, got.P.UnmarshalText(nil))
	require.True(t, got.P.IsZero(), "a field that was filled before")

	kept := p
	good := p.String()
	for _, bad := range []string{"canary", "v1", "w1" + good[2:], good + ".", good + "0", good[:43], "v2" + good[2:], "v1.canary00" + good[11:], good[:42] + "zz", " " + good, good + "\n"} {
		err := p.UnmarshalText([]byte(bad))
		require.Error(t, err, "%q", bad)
		require.NotContains(t, err.Error(), "canary")
		require.Equal(t, kept, p)
	}
	for _, other := range []string{"v2" + good[2:], "v12.more"} {
		require.ErrorContains(t, p.UnmarshalText([]byte(other)), "version")
	}
}
