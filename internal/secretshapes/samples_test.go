package secretshapes_test

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

const (
	digits = "0123456789"
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnums = digits + lowers + uppers
	hexes  = "0123456789abcdef"
	url64  = alnums + "-_"
	std64  = alnums + "+/"
)

// random returns n bytes of an alphabet.
func random(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// sample is a text that holds one secret of a shape.
type sample struct{ before, secret, after string }

func (s sample) text() string { return s.before + s.secret + s.after }

// samples makes one of each shape. All are cut in two where they are written
// here, so that this file holds none.
func samples(r *rand.Rand) map[string][]sample {
	pem := func(label, newline string, headers string) string {
		var b strings.Builder
		b.WriteString("-----BEGIN " + label + "-----" + newline + headers)
		for range 6 {
			b.WriteString(random(r, std64, 64) + newline)
		}
		b.WriteString(random(r, std64, 22) + "==" + newline + "-----END " + label + "-----")
		return b.String()
	}
	jwt := func() string {
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
		payload := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"` + random(r, digits, 10) + `"}`))
		return header + "." + payload + "." + random(r, url64, 43)
	}
	quoted := func(secret string) sample { return sample{`x = "`, secret, `"` + "\n"} }
	all := map[string][]sample{
		"stripe-key":                {quoted("sk_" + "live_" + random(r, alnums, 24)), quoted("rk_" + "test_" + random(r, alnums, 99))},
		"stripe-webhook":            {quoted("whsec" + "_" + random(r, alnums, 32))},
		"aws-key-id":                {quoted("AK" + "IA" + random(r, uppers+"234567", 16))},
		"github-token":              {quoted("gh" + "p_" + random(r, alnums, 36)), quoted("gh" + "s_" + random(r, alnums, 40))},
		"github-fine-grained-token": {quoted("github" + "_pat_" + random(r, alnums, 22) + "_" + random(r, alnums, 59))},
		"gitlab-token":              {quoted("gl" + "pat-" + random(r, url64, 20))},
		"slack-token":               {quoted("xo" + "xb-" + random(r, digits, 12) + "-" + random(r, digits, 12) + "-" + random(r, alnums, 24))},
		"npm-token":                 {{"//registry/:_authToken=", "np" + "m_" + random(r, alnums, 36), "\n"}},
		"docker-token":              {quoted("dckr" + "_pat_" + random(r, url64, 27))},
		"openai-key":                {quoted("sk" + "-proj-" + random(r, url64, 156))},
		"anthropic-key":             {quoted("sk" + "-ant-api03-" + random(r, url64, 95))},
		"braintree-token":           {quoted("access_token" + "$production$" + random(r, digits+lowers, 16) + "$" + random(r, hexes, 32))},
		"square-token":              {quoted("sq0" + "csp-" + random(r, url64, 43))},
		"shopify-token":             {quoted("shp" + "at_" + random(r, hexes, 32))},
		"brevo-key":                 {quoted("xkey" + "sib-" + random(r, hexes, 64) + "-" + random(r, alnums, 16))},
		"mapbox-token":              {quoted("sk" + ".eyJ1" + random(r, alnums, 60) + "." + random(r, url64, 22))},
		"google-api-key":            {quoted("AI" + "za" + random(r, url64, 35))},
		"google-oauth-secret":       {quoted("GOC" + "SPX-" + random(r, url64, 28))},
		"digitalocean-token":        {quoted("dop" + "_v1_" + random(r, hexes, 64))},
		"sentry-user-token":         {quoted("sntry" + "u_" + random(r, hexes, 64))},
		"sentry-org-token":          {quoted("sntry" + "s_" + random(r, alnums, 80) + "=_" + random(r, alnums, 43))},
		"vault-token":               {quoted("hv" + "s." + random(r, url64, 95))},
		"mailgun-key":               {quoted("ke" + "y-" + random(r, hexes, 32))},
		"twilio-key":                {quoted("S" + "K" + random(r, hexes, 32))},
		"age-identity":              {quoted("AGE-SECRET" + "-KEY-1" + random(r, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)), quoted("AGE-SECRET" + "-KEY-PQ-1" + random(r, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58))},
		"sendgrid-key":              {quoted("S" + "G." + random(r, url64, 22) + "." + random(r, url64, 43))},
		"vault-legacy-token":        {quoted("s" + "." + random(r, lowers, 6) + random(r, uppers, 8) + random(r, digits, 10))},
		"telegram-bot-token":        {{"https://t.invalid/bot" + random(r, digits, 10) + ":", "A" + "A" + random(r, url64, 33), "/send\n"}},
		"jwt":                       {{"authorization: Bearer ", jwt(), "\n"}},
		"private-key": {
			{"", pem("PRIVATE"+" KEY", "\n", ""), "\n"},
			{"", pem("ENCRYPTED PRIVATE"+" KEY", "\r\n", ""), "\n"},
			{"", pem("RSA PRIVATE"+" KEY", "\n", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n"), "\n"},
			{"", pem("OPENSSH PRIVATE"+" KEY", "\n", ""), "\n"},
			{"", pem("PGP PRIVATE"+" KEY BLOCK", "\n", "Version: 1\n\n"), "\n"},
			{`{"private_key": "`, pem("PRIVATE"+" KEY", `\n`, ""), `\n"}`},
		},
		"private-key-base64":  {{"KEY=", base64.StdEncoding.EncodeToString([]byte(pem("EC PRIVATE"+" KEY", "\n", ""))), "\n"}},
		"gcp-service-account": {{`  "private_key` + `_id": "`, random(r, hexes, 40), `",` + "\n"}},
		"url-password": {
			{"DATABASE_URL=postgres://api:", random(r, alnums, 16), "@db.internal:5432/api\n"},
			{"redis://:", random(r, alnums, 12) + "@" + random(r, alnums, 4), "@10.0.0.4:6379/0\n"},
			{`url: "amqp://queue:`, random(r, alnums, 10) + "%21", `@mq/"` + "\n"},
		},
		"sentry-dsn":          {{"https://", random(r, hexes, 32), "@o12345.ingest.sentry.io/678\n"}},
		"slack-webhook":       {{"https://hooks.slack" + ".com/services", "/T" + random(r, uppers, 8) + "/B" + random(r, uppers, 8) + "/" + random(r, alnums, 24), "\n"}},
		"discord-webhook":     {{"https://discord" + ".com/api/webhooks/" + random(r, digits, 18) + "/", random(r, url64, 68), "\n"}},
		"aws-secret-key":      {{"aws_secret_" + "access_key = ", "a1B" + random(r, std64, 37), "\n"}, {`"SecretAccess` + `Key": "`, "a1B" + random(r, std64, 37), `",` + "\n"}},
		"twilio-auth-token":   {{"TWILIO_AUTH" + "_TOKEN=", random(r, hexes, 30) + "a1", "\n"}},
		"mailgun-private-key": {{"mailgun.key = '", random(r, hexes, 32) + "-" + random(r, hexes, 8) + "-" + random(r, hexes, 8), "'\n"}},
	}
	value := func() string { return random(r, digits, 3) + random(r, alnums, 20) + "x9y" }
	for _, around := range [][2]string{
		{"DB_PASSWORD=", "\n"},
		{"export API_TOKEN='", "'\n"},
		{`"clientSecret": "`, `",` + "\n"},
		{"apiKey: ", "\n"},
		{`{\"password\":\"`, `\"}`},
		{"password => '", "'"},
		{`signingKey := "`, `"`},
		{`headers["Authorization"] = "`, `"`},
		{"-Dkeystore.password=", " "},
		{"?access_token=", "&user=1"},
	} {
		all["assigned-secret"] = append(all["assigned-secret"], sample{around[0], value(), around[1]})
	}
	return all
}
