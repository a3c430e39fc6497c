package envconfig_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// fingerprinter returns one whose key is made of that letter.
func fingerprinter(t *testing.T, letter string) *secrets.Fingerprinter {
	f, err := secrets.NewFingerprinter(secrets.New(strings.Repeat(letter, secrets.MinFingerprintKey)))
	require.NoError(t, err)
	return f
}

// snapshot returns one of variables that are written as "NAME=value", with a
// "!" before the name of a secret and a "?" before that of one that is not set.
func snapshot(env envconfig.Environment, f *secrets.Fingerprinter, variables ...string) envconfig.Snapshot {
	s := envconfig.Snapshot{Version: envconfig.SnapshotVersion, Environment: env.Name, Tier: env.Tier}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		e := envconfig.Entry{Variable: strings.TrimLeft(name, "!?"), Type: "string", Secret: strings.Contains(name, "!"), Set: !strings.Contains(name, "?")}
		e.Hold(secrets.New(value), f)
		s.Entries = append(s.Entries, e)
	}
	return s
}

// TestASnapshotHoldsNoSecret in any form, also of values that were declared as
// something else, and survives its JSON.
func TestASnapshotHoldsNoSecret(t *testing.T) {
	for _, f := range []*secrets.Fingerprinter{nil, fingerprinter(t, "k")} {
		s := snapshot(envconfig.Production(), f,
			"!JWT_SECRET="+hiddenText,
			"DATABASE_URL=postgres://app:"+hiddenText+"@db.internal/app",
			"DATABASE_URL_2=postgres://app:a/"+hiddenText+"@db.internal/app",
			"REDIS_URL=redis://:"+hiddenText+"@redis.internal",
			"PROXY=https://u:"+hiddenText+"@proxy.org/x",
			"STRIPE=sk_live_"+hiddenText,
			"STRIPE_TEST=xx sk_test_"+hiddenText,
			"HOOK=whsec_"+hiddenText,
			"AGE=AGE-SECRET-KEY-1"+hiddenText,
			"KEY=-----BEGIN RSA PRIVATE KEY-----\n"+hiddenText,
			"DSN=host=db password="+hiddenText,
			"DSN_2=host=db Password="+hiddenText,
			"DSN_3=server=db;PWD="+hiddenText,
			"?UNSET="+hiddenText,
			"PORT=8080", "NEXT_PUBLIC=pk_live_1")
		require.NoError(t, s.Validate())
		raw, err := json.Marshal(s)
		require.NoError(t, err)
		require.NotContains(t, string(raw), hiddenText)
		require.NotContains(t, string(raw), "db.internal")
		require.Contains(t, string(raw), `"value":"8080"`)
		require.Contains(t, string(raw), `"value":"pk_live_1"`)
		require.Equal(t, f != nil, strings.Contains(string(raw), `"fingerprint":"v1.`))
		var back envconfig.Snapshot
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, s, back)
	}
}

func TestSnapshotValidate(t *testing.T) {
	ok := envconfig.Entry{Variable: "A", Set: true, Value: "1"}
	for _, c := range []struct {
		name   string
		change func(*envconfig.Snapshot)
		fields []string
	}{
		{"zero", func(s *envconfig.Snapshot) { *s = envconfig.Snapshot{} }, []string{"Version", "Environment", "Tier"}},
		{"newer", func(s *envconfig.Snapshot) { s.Version++ }, []string{"Version"}},
		{"no name", func(s *envconfig.Snapshot) { s.Entries[0].Variable = "" }, []string{"Entries[0]"}},
		{"a name that breaks the table", func(s *envconfig.Snapshot) { s.Entries[0].Variable = "A\nB" }, []string{"Entries[0]"}},
		{"a name that moves the cursor", func(s *envconfig.Snapshot) { s.Entries[0].Variable = "A\x1b[1A" }, []string{"Entries[0]"}},
		{"twice", func(s *envconfig.Snapshot) { s.Entries = append(s.Entries, ok) }, []string{"Entries[1]"}},
		{"a secret", func(s *envconfig.Snapshot) { s.Entries[0].Secret, s.Entries[0].Value = true, hiddenText }, []string{"Entries[0]"}},
		{"a secret in disguise", func(s *envconfig.Snapshot) { s.Entries[0].Value = "sk_live_" + hiddenText }, []string{"Entries[0]"}},
		{"not set", func(s *envconfig.Snapshot) { s.Entries[0].Set = false }, []string{"Entries[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := envconfig.Snapshot{Version: envconfig.SnapshotVersion, Environment: "stg", Tier: envconfig.TierStaging, Entries: []envconfig.Entry{ok}}
			require.NoError(t, s.Validate())
			c.change(&s)
			err := s.Validate()
			require.Equal(t, c.fields, fields(t, err))
			require.NotContains(t, err.Error(), hiddenText)
		})
	}
}

func TestCheckShared(t *testing.T) {
	f := fingerprinter(t, "k")
	for _, c := range []struct {
		name      string
		prod, stg []string
		fields    []string
		contains  string
	}{
		{"own", []string{"!A=1" + hiddenText, "PORT=80"}, []string{"!A=2" + hiddenText, "PORT=80"}, nil, ""},
		{"a secret", []string{"!A=" + hiddenText, "!B=x"}, []string{"!A=" + hiddenText}, []string{"A"}, `a secret of its own in prod and in stg, got the same as in "A" of stg`},
		{"under another name", []string{"!A=" + hiddenText}, []string{"!OTHER=" + hiddenText}, []string{"A"}, `the same as in "OTHER"`},
		{"one that nobody declared", []string{"!A=sk_live_" + hiddenText}, []string{"B=sk_live_" + hiddenText}, []string{"A"}, `the same as in "B"`},
		{"twice in one environment", []string{"!A=" + hiddenText, "!B=" + hiddenText}, []string{"!A=x"}, nil, ""},
		{"empty", []string{"!A=", "!B=1"}, []string{"!A=", "!B=2"}, nil, ""},
		{"not set", []string{"?!A=" + hiddenText, "!B=1"}, []string{"?!A=" + hiddenText, "!B=2"}, nil, ""},
		{"a database", []string{"!DB=postgres://a:1@db.internal:5432/app?sslmode=require"}, []string{"!DB=postgresql://b:" + hiddenText + "@DB.internal./app"}, []string{"DB"}, "a database of its own"},
		{"a database without passwords", []string{"DB=postgres://db.internal/app"}, []string{"DB=postgres://db.internal:5432/app"}, []string{"DB"}, "a database"},
		{"one of two servers", []string{"!DB=postgres://a:b@x.internal:1,y.internal:2/app"}, []string{"!DB=postgres://a:c@y.internal:2/app"}, []string{"DB"}, "a database"},
		{"named by its user", []string{"!DB=postgres://app:1@db.internal"}, []string{"!DB=postgres://x:2@db.internal/app"}, []string{"DB"}, "a database"},
		{"by a parameter", []string{"!DB=postgres://app:1@/app?host=db.internal&port=6000"}, []string{"!DB=postgres://x:2@db.internal:6000/app"}, []string{"DB"}, "a database"},
		{"a password with signs", []string{"!DB=postgres://app:a/b?c#d@db.internal/app"}, []string{"!DB=postgres://x:2@db.internal/app"}, []string{"DB"}, "a database"},
		{"a parameter with a sign", []string{"!DB=postgres://a:1@db.internal/app?tag=x@y"}, []string{"!DB=postgres://x:2@db.internal/app"}, []string{"DB"}, "a database"},
		{"IPv6", []string{"!DB=postgres://a:1@[2001:db8::1]/app"}, []string{"!DB=postgres://a:2@[2001:db8::1]:5432/app"}, []string{"DB"}, "a database"},
		{"redis", []string{"!R=redis://:1@redis.internal"}, []string{"!R=rediss://:2@redis.internal:6379/0"}, []string{"R"}, "a database"},
		{"other database", []string{"!DB=postgres://a:1@db.internal/app"}, []string{"!DB=postgres://a:2@db.internal/app_stg"}, nil, ""},
		{"other server", []string{"!DB=postgres://a:1@db.internal/app"}, []string{"!DB=postgres://a:2@db.stg.internal/app"}, nil, ""},
		{"other port", []string{"!DB=postgres://a:1@db.internal/app"}, []string{"!DB=postgres://a:2@db.internal:5433/app"}, nil, ""},
		{"other kind", []string{"!DB=postgres://a:1@db.internal:1/app"}, []string{"!DB=mysql://a:2@db.internal:1/app"}, nil, ""},
		{"each its own machine", []string{"!DB=postgres://a:1@localhost/app", "!C=postgres://a:3@127.0.0.1/app"}, []string{"!DB=postgres://a:2@localhost/app", "!C=postgres://a:4@[::1]/app"}, nil, ""},
		{"a web site", []string{"URL=https://a.org/x"}, []string{"URL=https://a.org/x"}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := envconfig.CheckShared(snapshot(envconfig.Production(), f, c.prod...), snapshot(envconfig.Staging(), f, c.stg...))
			if c.fields == nil {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.fields, fields(t, err))
			require.ErrorContains(t, err, c.contains)
			require.NotContains(t, err.Error(), hiddenText)
			require.NotContains(t, err.Error(), "internal")
		})
	}
}

// TestCheckSharedDoesNotGuess where nothing can be told.
func TestCheckSharedDoesNotGuess(t *testing.T) {
	prod, stg, k := envconfig.Production(), envconfig.Staging(), fingerprinter(t, "k")
	one := snapshot(prod, k, "!A=1")
	for name, other := range map[string]envconfig.Snapshot{
		"another key":        snapshot(stg, fingerprinter(t, "z"), "!A=1"),
		"no key":             snapshot(stg, nil, "!A=1"),
		"no key, a database": snapshot(stg, nil, "DB=postgres://db.internal/app"),
	} {
		require.Equal(t, []string{"Fingerprint"}, fields(t, envconfig.CheckShared(one, other)), name)
		require.Equal(t, []string{"Fingerprint"}, fields(t, envconfig.CheckShared(other, one)), name)
	}
	require.Equal(t, []string{"Environment"}, fields(t, envconfig.CheckShared(one, one)))
	require.Error(t, envconfig.CheckShared(one, envconfig.Snapshot{}))
}

func TestSharedByDeclaration(t *testing.T) {
	f := fingerprinter(t, "k")
	prod, stg := snapshot(envconfig.Production(), f, "!MAPS=1", "!B=2"), snapshot(envconfig.Staging(), f, "!MAPS=1", "!B=3")
	why := envconfig.Exception{Variable: "MAPS", Reason: "the provider gives one key to a company"}
	require.NoError(t, envconfig.CheckShared(prod, stg, why))
	require.Equal(t, []string{"B"}, fields(t, envconfig.CheckShared(prod, stg, why, envconfig.Exception{Variable: "B", Reason: "no more"})))
	require.Equal(t, []string{"exceptions[0].Reason"}, fields(t, envconfig.CheckShared(prod, stg, envconfig.Exception{Variable: "MAPS"})))
}
