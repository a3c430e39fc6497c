package leakscan_test

import (
	"context"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

// planted is a line, or some, with one secret of a rule.
type planted struct{ rule, before, secret, after string }

func (p planted) text() string { return p.before + p.secret + p.after + "\n" }

// Texts without a meaning, of which secrets are made.
const (
	alnum = "q3Zt8LwB5nXy1Rk6Vc9Hd2Jf7Gm4Ps0AuKeTiOlUbNxWzYaCvFgSjDhEpMrQo"
	hexes = "3f9a1c7e5b2d8046e1f7a9c3b5d2084663af91c7e5b2d8046e1f7a9c3b5d20846"
	upper = "QZTLWBNXYRKVCHDJFGMPSAUEIO"
)

// plants has a secret of each rule. None of them is in this file as it is.
func plants() []planted {
	jwt := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"17"}`)) + "." + alnum[:43]
	return []planted{
		{"stripe-key", `key := "`, "sk" + "_live_" + alnum[:24], `"`},
		{"stripe-webhook", "hook ", "whsec" + "_" + alnum[:32], ""},
		{"aws-key-id", "id: ", "AK" + "IA" + upper[:16], ""},
		{"aws-secret-key", "aws_secret" + "_access_key=", alnum[:40], ""},
		{"github-token", "git clone https://", "gh" + "p_" + alnum[:36], "@github.com/a/b"},
		{"github-fine-grained-token", "", "github" + "_pat_" + alnum + alnum[:20], ""},
		{"gitlab-token", "", "glp" + "at-" + alnum[:20], ""},
		{"slack-token", "", "xox" + "b-380174926513-482017395621-" + alnum[:24], ""},
		{"slack-webhook", "https://hooks.slack" + ".com/services", "/T" + upper[:8] + "/B" + upper[8:16] + "/" + alnum[:24], ""},
		{"discord-webhook", "https://discord" + ".com/api/webhooks/123456789012345678/", alnum + alnum[:6], ""},
		{"sendgrid-key", "mail(", "SG" + "." + alnum[:22] + "." + alnum[:43], ")"},
		{"twilio-key", "sid ", "S" + "K" + hexes[:32], ""},
		{"twilio-auth-token", "TWILIO" + "_AUTH=", hexes[:32], ""},
		{"mailgun-key", "", "ke" + "y-" + hexes[:32], ""},
		{"mailgun-private-key", "mailgun: ", hexes[:32] + "-" + hexes[:8] + "-" + hexes[8:16], ""},
		{"jwt", "Bearer ", jwt, ""},
		{"private-key", "", pem(), ""},
		{"private-key-base64", "TLS=", base64.StdEncoding.EncodeToString([]byte(pem())), ""},
		{"gcp-service-account", `"private_key` + `_id": "`, hexes[:40], `"`},
		{"age-identity", "", "AGE-SECRET" + "-KEY-1" + strings.ToUpper(alnum[:58]), ""},
		{"vault-token", "", "hv" + "s." + alnum + alnum[:30], ""},
		{"vault-legacy-token", "login ", "s" + "." + alnum[:24], ""},
		{"npm-token", "_authToken=", "np" + "m_" + alnum[:36], ""},
		{"docker-token", "", "dckr" + "_pat_" + alnum[:27], ""},
		{"openai-key", "", "sk" + "-proj-" + alnum + alnum, ""},
		{"anthropic-key", "", "sk" + "-ant-api03-" + alnum + alnum[:33], ""},
		{"braintree-token", "", "access_token" + "$production$" + strings.ToLower(alnum[:16]) + "$" + hexes[:32], ""},
		{"square-token", "", "sq0" + "csp-" + alnum[:43], ""},
		{"shopify-token", "", "shp" + "at_" + hexes[:32], ""},
		{"brevo-key", "", "xkey" + "sib-" + hexes[:64] + "-" + alnum[:16], ""},
		{"mapbox-token", "", "sk" + ".eyJ1" + alnum + "." + alnum[:22], ""},
		{"google-api-key", "?k=", "AI" + "za" + alnum[:35], ""},
		{"google-oauth-secret", "", "GOC" + "SPX-" + alnum[:28], ""},
		{"digitalocean-token", "", "dop" + "_v1_" + hexes[:64], ""},
		{"sentry-user-token", "", "sntry" + "u_" + hexes[:64], ""},
		{"sentry-org-token", "", "sntry" + "s_" + alnum + alnum + "=_" + alnum[:43], ""},
		{"sentry-dsn", "https://", hexes[:32], "@o1.ingest.sentry.io/42"},
		{"telegram-bot-token", "bot1234567890:", "A" + "A" + alnum[:33], ""},
		{"url-password", "postgres://api:", alnum[:14], "@db/api"},
		{"assigned-secret", "DB_PASS" + "WORD=", alnum[:18], ""},
		{"assigned-secret", `{"clientSe` + `cret": "`, alnum[20:44], `"}`},
	}
}

// pem is a key of no use.
func pem() string {
	line := strings.Repeat(alnum, 2)[:64] + "\n"
	return "-----BEGIN PRIVATE" + " KEY-----\n" + line + line + line + "-----END PRIVATE" + " KEY-----"
}

func newScanner(t testing.TB, opts *leakscan.Options) *leakscan.Scanner {
	t.Helper()
	s, err := leakscan.New(opts)
	require.NoError(t, err)
	return s
}

// stream returns the findings in a text, and requires that there is no error.
func stream(t testing.TB, s *leakscan.Scanner, r io.Reader) (findings []leakscan.Finding) {
	t.Helper()
	for f, err := range s.Stream(context.Background(), "a.txt", r) {
		require.NoError(t, err)
		findings = append(findings, f)
	}
	return findings
}

func text(t testing.TB, s *leakscan.Scanner, text string) []leakscan.Finding {
	t.Helper()
	return stream(t, s, strings.NewReader(text))
}

// places are rule, line and column of findings.
func places(findings []leakscan.Finding) []place {
	all := []place{}
	for _, f := range findings {
		all = append(all, place{f.Rule, f.Line, f.Column})
	}
	return all
}

type place struct {
	rule         string
	line, column int
}
