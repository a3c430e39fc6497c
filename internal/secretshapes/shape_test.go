package secretshapes_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/secretshapes"
)

// allShapes is immutable.
var allShapes = secretshapes.NewSet(secretshapes.All())

func scan(text string) (matches []secretshapes.Match) {
	allShapes.Scan([]byte(text), 0, true, func(m secretshapes.Match) { matches = append(matches, m) })
	return matches
}

func isFound(matches []secretshapes.Match, id string, s sample) bool {
	return slices.ContainsFunc(matches, func(m secretshapes.Match) bool {
		return m.Shape == id && m.Start == len(s.before) && m.End == len(s.before)+len(s.secret)
	})
}

func TestShapesAreFound(t *testing.T) {
	const rounds = 200
	all := samples(rand.New(rand.NewPCG(1, 0)))
	for _, shape := range secretshapes.All() {
		require.NotEmpty(t, all[shape.ID], "a sample of %s", shape.ID)
		require.NotEmpty(t, shape.Name)
	}
	missed := map[string]int{}
	for seed := range uint64(rounds) {
		for id, list := range samples(rand.New(rand.NewPCG(2, seed))) {
			for i, s := range list {
				if !isFound(scan(s.text()), id, s) {
					missed[fmt.Sprint(id, " ", i)]++
				}
			}
		}
	}
	for which, n := range missed {
		require.LessOrEqual(t, n, 1, "%s: missed %d of %d", which, n, rounds)
	}
}

func TestIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range secretshapes.All() {
		require.False(t, seen[s.ID], s.ID)
		seen[s.ID] = true
		anchors, fold := s.Anchors()
		for _, a := range anchors {
			require.GreaterOrEqual(t, len(a), 2)
			require.True(t, !fold || a == strings.ToLower(a))
		}
	}
}

// TestNearMisses has texts that look like secrets, and are none.
func TestNearMisses(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	key := random(r, alnums, 40)
	for name, text := range map[string]string{
		"stripe: publishable":             "pk_live_" + key,
		"stripe: too short":               "sk_" + "live_" + key[:9],
		"stripe: example":                 "sk_" + "live_" + "xxxxxxxxxxxxxxxxxxxxxxxx",
		"stripe: the word":                "sk_" + "live_EXAMPLE" + key[:12],
		"aws: documentation":              "AK" + "IAIOSFODNN7EXAMPLE",
		"aws: in a word":                  "XAK" + "IA" + random(r, uppers, 16),
		"aws: digits of no base32":        "AK" + "IA" + "1818181818181818",
		"aws: longer word":                "AK" + "IA" + random(r, uppers, 17),
		"github: short":                   "gh" + "p_" + key[:20],
		"google: longer word":             "AI" + "za" + random(r, url64, 36),
		"jwt: not signed":                 "ey" + "JhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0.",
		"jwt: no algorithm":               "ey" + "JmIjoxfQ.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + key,
		"pem: public":                     "-----BEGIN PUBLIC KEY-----\n" + key + key + "\n-----END PUBLIC KEY-----",
		"pem: prose":                      "a file with -----BEGIN PRIVATE" + " KEY----- as its first line is a key, and so are many other files of that kind in any place",
		"vault: method":                   "s.copyAllFilesOfReleases2To()",
		"vault: name with a number":       "s.ReadUint16LengthPrefixed, ",
		"aws: path":                       "aws: https://github.com/aws/" + "aws-sdk-go-v2/service/iotmanagedintegrations",
		"assignment: words with a number": `AuthKey = "s3_disable_express_session_auth"`,
		"aws: path and file":              "aws:" + "(service/elasticloadbalancingv2/CHANGELOG)",
		"assignment: type":                "type PrivateKey = ed25519.PrivateKey",
		"assignment: joined":              `"?token="+neighbour+"&x="`,
		"vault: name":                     "s.copyAllFilesOfReleasesTo ",
		"url: no password":                "postgres://api@db.internal/api",
		"url: variable":                   "postgres://api:${PASSWORD}@db.internal/api",
		"url: template":                   "postgres://api:<password>@db.internal/api",
		"url: format":                     "postgres://%s:%s@%s/api",
		"url: the word":                   "postgres://api:password@db.internal/api",
		"url: user again":                 "postgres://postgres:postgres@localhost/api",
		"url: documentation host":         "postgres://api:" + key + "@db.example.com/api",
		"url: port and a path":            "http://localhost:3000/users/@me",
		"url: mail in the query":          "http://host:8080?mail=" + key + "@b",
		"dsn: documentation host":         "https://" + random(r, hexes, 32) + "@sentry.example.com/1",
		"twilio: no assignment":           "twilio " + random(r, hexes, 32),
		"twilio: other line":              "TWILIO_AUTH" + "_TOKEN=\n" + random(r, hexes, 32),
		"aws: a sum of other length":      "aws_secret_" + "access_key=" + strings.Repeat(key, 4),
		"assignment: variable":            "PASSWORD=${DB_" + key + "}",
		"assignment: placeholder":         `password: "<` + key[:20] + `>"`,
		"assignment: change me":           "DB_PASSWORD=changeme-1234-abcd",
		"assignment: your":                "API_KEY=your-api-key-9f3a",
		"assignment: call":                "token = nextToken2(scanner3)",
		"assignment: field":               "secret: config2.Stripe3.Secret,",
		"assignment: words":               `password: "correct-horse-battery"`,
		"assignment: other name":          "monkey=" + key,
		"assignment: id":                  "TOKEN_ID=" + key,
		"assignment: file":                "PASSWORD_FILE=/run/" + key[:20],
		"assignment: public":              "API_PUBLIC_KEY=" + key,
		"assignment: comparison":          "token == " + key,
		"assignment: too short":           "PASSWORD=a1B2c3D4",
		"assignment: too long":            `PASSWORD="` + strings.Repeat(key, 4) + `"`,
		"assignment: low entropy":         "PASSWORD=aaaaaaaaaaaa1aaaaaaaaaa2",
		"assignment: word and number":     `"tokenType": "bearerAuthentication2"`,
		"assignment: the quote is open":   `password = "` + key + "\n",
	} {
		require.Empty(t, scan(text+"\n"), name)
	}
}

func TestBoundaries(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	secret := "AK" + "IA" + random(r, uppers, 16)
	for _, before := range []string{"", " ", "=", `"`, `\n`, `x\t`, "\n", "é", "/"} {
		s := sample{before, secret, " "}
		require.True(t, isFound(scan(s.text()), "aws-key-id", s), "%q", before)
	}
	require.Empty(t, scan("n"+secret))
}

func TestEntropy(t *testing.T) {
	require.Zero(t, secretshapes.Entropy(nil))
	require.Zero(t, secretshapes.Entropy([]byte("aaaa")))
	require.InDelta(t, 1, secretshapes.Entropy([]byte("abab")), 1e-12)
	require.InDelta(t, 0.811278, secretshapes.Entropy([]byte("aaab")), 1e-6)
	require.InDelta(t, 4, secretshapes.Entropy([]byte(hexes)), 1e-12)
	require.InDelta(t, 1.5, secretshapes.Entropy([]byte("éé\xc3b")), 0.3, "of bytes, not of runes")
	all := make([]byte, 512)
	for i := range all {
		all[i] = byte(i)
	}
	require.InDelta(t, 8, secretshapes.Entropy(all), 1e-12)
}

func TestShortRandomValuesAreFound(t *testing.T) {
	s := sample{"PASSWORD=", "k3" + "Zq9mX2vB", "\n"} // 10 bytes have at most 3.32 bits each
	require.True(t, isFound(scan(s.text()), "assigned-secret", s))
}

func TestLuhn(t *testing.T) {
	for text, want := range map[string]bool{
		"4242 4242 4242 4242": true, "4242-4242-4242-4242": true, "4242 4242 4242 4241": false,
		"378282246310005": true, "4222222222222": true, "0000000000000000": false,
		"424242424242": false, "": false, "6304000000000000000": true, "6304000000000000001": false, "42424242424242424242": false,
	} {
		require.Equal(t, want, secretshapes.Luhn([]byte(text)), text)
	}
}

func TestEndOfLongSecrets(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	endless := "-----BEGIN PRIVATE" + " KEY-----\n" + random(r, std64, 100<<10)
	matches := scan(endless)
	require.Len(t, matches, 1)
	require.Equal(t, 16<<10, matches[0].End)

	cut := "-----BEGIN PRIVATE" + " KEY-----\n" + random(r, std64, 64) + "\n" + random(r, std64, 64) + "\n{"
	matches = scan(cut)
	require.Len(t, matches, 1)
	require.Equal(t, len(cut)-1, matches[0].End)
}
