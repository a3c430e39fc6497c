package secretshapes_test

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBehindAnEscape has words that begin behind a byte that was escaped, as in
// the log of a web server.
func TestBehindAnEscape(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 0))
	for id, s := range map[string]string{
		"jwt":            samples(r)["jwt"][0].secret,
		"aws-key-id":     "AK" + "IA" + random(r, uppers, 16),
		"google-api-key": "AI" + "za" + random(r, url64, 35),
	} {
		for _, before := range []string{"GET /?k=Bearer%20", "?k%3D", "%3d", `\u0022`, `\u003D`, `\x22`, `\n`} {
			at := sample{before, s, " "}
			require.True(t, isFound(scan(at.text()), id, at), "%s behind %s", id, before)
		}
		for _, before := range []string{"%2", "%xy", "%gg", `\u22`, `u0022`, `\xz`, "x", "00"} {
			require.Empty(t, scan(before+s), "%s behind %s", id, before)
		}
	}
}

// TestTokensWithSpacesInTheirJSON are made by some libraries.
func TestTokensWithSpacesInTheirJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 0))
	for _, payload := range []string{`{ "sub": "1234567890" }`, "{\n  \"sub\": \"1234567890\"\n}", "{\r\n\"sub\":\"1234567890\"}"} {
		token := base64.RawURLEncoding.EncodeToString([]byte(`{"kid":"a", "alg": "RS256"}`)) + "." +
			base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + random(r, url64, 43)
		s := sample{"cookie: ", token, "; path=/"}
		require.True(t, isFound(scan(s.text()), "jwt", s), "%q", payload)
	}
}

// TestNamesAndOperators has settings as they are written in several languages.
func TestNamesAndOperators(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 0))
	value := func() string { return random(r, digits, 3) + random(r, alnums, 20) + "x9y" }
	for _, around := range [][2]string{
		{"Authorization: Bearer ", "\n"},
		{`"authorization": "Bearer `, `",`},
		{`-H 'Authorization: Basic `, `'`},
		{"//registry.invalid/:_auth=", "\n"},
		{"AccountName=a;AccountKey=", ";EndpointSuffix=b"},
		{"SMTP_PASS=", "\n"},
		{"smtp-pass: ", "\n"},
		{`dbPass: "`, `"`},
		{`auth: { user: 'a', pass: '`, `' }`},
		{`mail.pass = "`, `"`},
		{`secret: process.env.JWT_SECRET || '`, `',`},
		{`const token = process.env.TOKEN ?? "`, `";`},
		{"apiSecret ||= `", "`"},
	} {
		s := sample{around[0], value(), around[1]}
		require.True(t, isFound(scan(s.text()), "assigned-secret", s), "%s", around[0])
	}
	for _, around := range [][2]string{
		{"--- PASS: ", " (0.00s)"}, // not in quotes
		{`bypass: "`, `"`},
		{`compass = "`, `"`},
		{`passport: "`, `"`},
		{"if token || ", " {"},
		{"token | '", "'"},
		{`token ?. "`, `"`},
		{`Authorization: "Bearer " + "`, `"`},
	} {
		require.Empty(t, scan(around[0]+value()+around[1]+"\n"), around[0])
	}
}

// TestKeysBesideKeys: a key ends where the next one begins, which makes a text of
// nothing but beginnings cheap.
func TestKeysBesideKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 0))
	key := func() string {
		return base64.StdEncoding.EncodeToString([]byte("-----BEGIN PRIVATE" + " KEY-----\n" + random(r, std64, 300)))
	}
	a, b := key(), key()
	a = strings.TrimRight(a, "=")
	matches := scan("K=" + a + b + "\n")
	require.Len(t, matches, 2)
	require.Equal(t, 2+len(a), matches[0].End)
	require.Equal(t, 2+len(a), matches[1].Start)
	require.Equal(t, 2+len(a)+len(b), matches[1].End)
}

// TestValuesOfEnvironmentFiles are not in quotes, whatever is in them.
func TestValuesOfEnvironmentFiles(t *testing.T) {
	for _, around := range [][2]string{{"", ""}, {"A=b\n", "\n"}, {"export ", "\n"}, {"A=b\r\n", "\r\n"}} {
		for _, value := range []string{"k9#mQ2$vL8!pX4&z", "Tr0ub4dor&3xyz", "aB3?dE6|gH9:jK2^"} {
			s := sample{around[0] + "DB_PASSWORD=", value, around[1]}
			require.True(t, isFound(scan(s.text()), "assigned-secret", s), "%q", s.text())
		}
	}
	for _, text := range []string{
		"DB_PASSWORD=$(pass show db/17/a8)\n", "DB_PASSWORD=${DB_PASSWORD_17:-x}9\n", "DB_PASSWORD=$1a2b3c4d5e6f\n",
		"TOKENS=a1,b2,c3,d4,e5,f6,g7\n", "token=next(reader8,state9)\n", "secret=list[17].at[18]\n", "x?token=ab12&user=cd34&z=1\n",
		" token=k9#mQ2$vL8!pX4&z\n",
	} {
		require.Empty(t, scan(text), text)
	}
}
