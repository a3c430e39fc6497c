package envconfig_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
)

// pair returns two snapshots that differ in every way.
func pair(t *testing.T) (prod, stg envconfig.Snapshot) {
	f := fingerprinter(t, "k")
	prod = snapshot(envconfig.Production(), f, "PORT=8080", "POOL=20", "TIMEOUT=5s", "!JWT=1"+hiddenText, "REGION=me-south-1", "!HOOK=h"+hiddenText, "?TRACE=", "GONE=1", "LATER=1", "TOKEN=plain", "DB=postgres://db.internal/app")
	stg = snapshot(envconfig.Staging(), f, "PORT=8080", "POOL=5", "TIMEOUT=5s", "!JWT=2"+hiddenText, "REGION=me-south-1", "!HOOK=h"+hiddenText, "TRACE=x", "?LATER=", "NEW=1", "!TOKEN=p"+hiddenText, "DB=postgres://db.internal/stg")
	prod.Entries[2].Type, stg.Entries[2].Type = "duration", "string"
	prod.Entries[4].Rules = "non-empty"
	return prod, stg
}

func TestDiff(t *testing.T) {
	prod, stg := pair(t)
	d, err := envconfig.Diff(prod, stg)
	require.NoError(t, err)
	want := []envconfig.Difference{
		{"DB", envconfig.DriftAllowed, `"postgres://db.internal/app"`, `"postgres://db.internal/stg"`, "each environment has databases of its own"},
		{"GONE", envconfig.DriftMissing, "set", "not declared", ""},
		{"JWT", envconfig.DriftAllowed, "a secret", "another secret", "each environment has secrets of its own"},
		{"LATER", envconfig.DriftMissing, "set", "not set", ""},
		{"NEW", envconfig.DriftExtra, "not declared", "set", ""},
		{"POOL", envconfig.DriftValue, `"20"`, `"5"`, ""},
		{"REGION", envconfig.DriftRules, "non-empty", "none", ""},
		{"TIMEOUT", envconfig.DriftType, "duration", "string", ""},
		{"TOKEN", envconfig.DriftType, "string", "secret string", ""},
		{"TRACE", envconfig.DriftExtra, "not set", "set", ""},
	}
	require.Equal(t, want, d.List)
	require.Empty(t, d.Stale)
	require.Equal(t, []string{"GONE", "LATER", "NEW", "POOL", "REGION", "TIMEOUT", "TOKEN", "TRACE"}, fields(t, d.Err()))
	same, err := envconfig.Diff(prod, prod)
	require.NoError(t, err)
	require.Empty(t, same.List)
	require.NoError(t, same.Err())
}

// TestDiffOnAnotherMachine compares what was stored, and shows no secret.
func TestDiffOnAnotherMachine(t *testing.T) {
	prod, stg := pair(t)
	raw, err := json.Marshal(prod)
	require.NoError(t, err)
	require.NotContains(t, string(raw), hiddenText)
	var brought envconfig.Snapshot
	require.NoError(t, json.Unmarshal(raw, &brought))
	want, err := envconfig.Diff(prod, stg)
	require.NoError(t, err)
	got, err := envconfig.Diff(brought, stg)
	require.NoError(t, err)
	require.Equal(t, want, got)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	for _, s := range []string{got.String(), got.Err().Error(), string(text)} {
		require.NotContains(t, s, hiddenText)
	}
}

func TestExceptions(t *testing.T) {
	prod, stg := pair(t)
	pool := envconfig.Exception{Variable: "POOL", Reason: "a smaller database"}
	gone := envconfig.Exception{Variable: "GONE", Kind: envconfig.DriftMissing, Reason: "only production sends mail"}
	stale := envconfig.Exception{Variable: "PORT", Reason: "it was 80 once"}
	other := envconfig.Exception{Variable: "REGION", Kind: envconfig.DriftValue, Reason: "of another kind than what differs"}
	d, err := envconfig.Diff(prod, stg, pool, gone, stale, other)
	require.NoError(t, err)
	require.Contains(t, d.List, envconfig.Difference{Variable: "POOL", Kind: envconfig.DriftAllowed, Original: `"20"`, Mirror: `"5"`, Reason: pool.Reason})
	require.Contains(t, d.List, envconfig.Difference{Variable: "GONE", Kind: envconfig.DriftAllowed, Original: "set", Mirror: "not declared", Reason: gone.Reason})
	stale.Kind = envconfig.DriftValue
	require.Equal(t, []envconfig.Exception{stale, other}, d.Stale)
	require.Equal(t, []string{"LATER", "NEW", "REGION", "TIMEOUT", "TOKEN", "TRACE", "PORT", "REGION"}, fields(t, d.Err()))

	for _, c := range []struct {
		e     []envconfig.Exception
		field string
	}{
		{[]envconfig.Exception{{Variable: "POOL"}}, "exceptions[0].Reason"},
		{[]envconfig.Exception{{Variable: "POOL", Reason: "  "}}, "exceptions[0].Reason"},
		{[]envconfig.Exception{{Reason: "r"}}, "exceptions[0].Variable"},
		{[]envconfig.Exception{pool, {Variable: "POOL", Kind: envconfig.DriftValue, Reason: "again"}}, "exceptions[1].Variable"},
		{[]envconfig.Exception{{Variable: "POOL", Kind: envconfig.DriftAllowed, Reason: "r"}}, "exceptions[0].Kind"},
		{[]envconfig.Exception{{Variable: "POOL", Kind: "*", Reason: "r"}}, "exceptions[0].Kind"},
	} {
		d, err := envconfig.Diff(prod, stg, c.e...)
		require.ErrorContains(t, err, c.field)
		require.Empty(t, d)
	}
	prod.Version = 9
	_, err = envconfig.Diff(prod, stg)
	require.ErrorContains(t, err, `snapshot of "prod": Version`)
}

// What was stored by somebody else breaks neither the lines nor the terminal.
func TestDiffShowsNoControlCharacters(t *testing.T) {
	prod, stg := pair(t)
	const control = "x\n\x1b[31m\t"
	prod.Entries[0].Type, prod.Entries[1].Value, prod.Entries[4].Rules = control, control, control
	d, err := envconfig.Diff(prod, stg,
		envconfig.Exception{Variable: "POOL", Reason: "why " + control}, envconfig.Exception{Variable: "PORT", Reason: "stale " + control})
	require.NoError(t, err)
	for _, text := range []string{d.String(), d.Err().Error()} {
		require.NotContains(t, text, "\x1b")
		require.NotContains(t, text, "x\n")
	}
	require.Equal(t, 1+len(d.List)+len(d.Stale), strings.Count(d.String(), "\n"))
	_, err = envconfig.Diff(prod, stg, envconfig.Exception{Variable: control, Reason: "r"})
	require.ErrorContains(t, err, "exceptions[0].Variable")
	require.NotContains(t, err.Error(), "\x1b")
}
