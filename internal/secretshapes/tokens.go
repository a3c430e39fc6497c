package secretshapes

import (
	"slices"
	"strings"
)

// tokenShapes are those that a provider begins with a text of its own.
func tokenShapes() []Shape {
	return []Shape{
		token("stripe-key", "Stripe secret or restricted key", 2, isAlnum, 10, 255,
			"sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ "),
		token("stripe-webhook", "signing secret of a Stripe webhook", 3, isStd64, 24, 255, "whsec_ "),
		word("aws-key-id", "AWS access key ID", 3, isBase32, 16, 16, "AKIA ASIA ABIA ACCA "),
		token("github-token", "GitHub token", 3, isAlnum, 36, 255, "ghp_ gho_ ghu_ ghs_ ghr_ "),
		token("github-fine-grained-token", "GitHub fine-grained token", 3, isWord, 60, 255, "github_pat_ "),
		token("gitlab-token", "GitLab token", 3, isDotted, 20, 255,
			"glpat- gldt- glrt- glptt- glcbt- glsoat- glft- gloas- glimt- glagent- glwt- "),
		token("slack-token", "Slack token", 2.5, isDashed, 20, 255,
			"xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe.xoxb- xoxe.xoxp- xapp- "),
		token("npm-token", "npm access token", 3, isAlnum, 36, 255, "npm_ "),
		token("docker-token", "Docker access token", 3, isURL64, 27, 64, "dckr_pat_ dckr_oat_ "),
		token("openai-key", "OpenAI API key", 3, isURL64, 40, 255, "sk-proj- sk-svcacct- sk-admin- "),
		token("anthropic-key", "Anthropic API key", 3, isURL64, 80, 255, "sk-ant- "),
		token("braintree-token", "Braintree access token", 3, isBraintree, 40, 64, "access_token$production$ access_token$sandbox$ "),
		token("square-token", "Square access token or secret", 3, isURL64, 22, 64, "sq0atp- sq0csp- "),
		token("shopify-token", "Shopify access token or secret", 2.5, isAnyHex, 32, 32, "shpat_ shpca_ shppa_ shpss_ "),
		token("brevo-key", "Brevo API or SMTP key", 3, isDashed, 64, 128, "xkeysib- xsmtpsib- "),
		token("mapbox-token", "Mapbox secret token", 3, isDotted, 60, 255, "sk.eyJ1 "),
		word("google-api-key", "Google API key", 3, isURL64, 35, 35, "AIza "),
		token("google-oauth-secret", "Google OAuth client secret", 3, isURL64, 24, 64, "GOCSPX- "),
		token("digitalocean-token", "DigitalOcean token", 3, isHex, 64, 64, "dop_v1_ doo_v1_ dor_v1_ "),
		token("sentry-user-token", "Sentry user token", 3, isHex, 64, 64, "sntryu_ "),
		word("sentry-org-token", "Sentry organisation token", 3, isSentry, 80, 1024, "sntrys_ "),
		token("vault-token", "Vault token", 3, isDotted, 24, 400, "hvs. hvb. hvr. "),
		word("mailgun-key", "Mailgun key", 3, isHex, 32, 32, "key- "),
		word("twilio-key", "Twilio API key", 3, isHex, 32, 32, "SK "),
		token("age-identity", "age identity", 3.5, isUpperAlnum, 58, 4096, "AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1 "),
		{ID: "sendgrid-key", Name: "SendGrid API key", MinEntropy: 3, anchors: []string{"SG."}, match: matchSendGrid},
		{ID: "vault-legacy-token", Name: "Vault token of version 1.9 or before", MinEntropy: 3.5, anchors: []string{"s."}, match: matchVaultLegacy},
		{ID: "telegram-bot-token", Name: "Telegram bot token", MinEntropy: 3.5, anchors: []string{":AA"}, match: matchTelegram},
	}
}

// token is a shape whose prefix nobody writes by chance, so it may stand in the
// middle of a word. What follows the prefix is of one class, at least least
// bytes long and taken for at most most.
//
// The prefixes have a space behind each, also the last: a compiler puts the
// constants of a program side by side, and prefixes in a row look like a key.
func token(id, name string, entropy float64, in class, least, most int, prefixes string) Shape {
	return Shape{
		ID: id, Name: name, MinEntropy: entropy, anchors: strings.Fields(prefixes),
		match: func(t *text, at, body int) (found, bool) {
			end := t.run(body, in, most)
			return found{at, body, end}, end-body >= least
		},
	}
}

// word is a shape whose prefix is short, so it stands at the beginning of a
// word, and all of that word is the secret.
func word(id, name string, entropy float64, in class, least, most int, prefixes string) Shape {
	return Shape{
		ID: id, Name: name, MinEntropy: entropy, anchors: strings.Fields(prefixes),
		match: func(t *text, at, body int) (found, bool) {
			if !t.wordBegins(at) {
				return found{}, false
			}
			end := t.run(body, in, most)
			return found{at, body, end}, end-body >= least && !isURL64(t.at(end))
		},
	}
}

// isSentry is the alphabet of sntrys_ tokens: base64 with "_" between its
// parts.
func isSentry(c byte) bool { return isStd64(c) || c == '_' || c == '-' }

// isBraintree is the alphabet of what follows the prefix: an account, a dollar
// sign and hexadecimal digits.
func isBraintree(c byte) bool { return isDigit(c) || isLower(c) || c == '$' }

// matchSendGrid matches SG., 22 bytes, a point and 43 bytes.
func matchSendGrid(t *text, at, body int) (found, bool) {
	if !t.wordBegins(at) {
		return found{}, false
	}
	point := t.run(body, isURL64, 22)
	if point-body != 22 || t.at(point) != '.' {
		return found{}, false
	}
	end := t.run(point+1, isURL64, 43)
	return found{at, body, end}, end-point == 44 && !isURL64(t.at(end))
}

// matchVaultLegacy matches s. and 24 letters and digits with some of each kind
// and no seven small letters in a row, so that a name in a program
// (s.readUint16LengthPrefixed) is not one. Of the real ones 4 % have no such
// mixture.
func matchVaultLegacy(t *text, at, body int) (found, bool) {
	if !t.wordBegins(at) || at > 0 && t.b[at-1] == '.' {
		return found{}, false
	}
	end := t.run(body, isAlnum, 24)
	if end-body < 24 || isDotted(t.at(end)) || t.at(end) == '(' {
		return found{}, false
	}
	return found{at, body, end}, kinds(t.b[body:end]) == 3 && !hasLowerRun(t.b[body:end], 7)
}

// matchTelegram matches the secret half of <number>:AA<33 bytes>.
func matchTelegram(t *text, at, _ int) (found, bool) {
	if n := at - t.runBack(at, isDigit, 11); n < 8 || n > 10 {
		return found{}, false
	}
	body := at + 1
	end := t.run(body, isURL64, 35)
	return found{body, body, end}, end-body == 35 && !isURL64(t.at(end))
}

// kinds counts which of small letters, capitals and digits b has.
func kinds(b []byte) (n int) {
	for _, in := range [...]class{isLower, isUpper, isDigit} {
		if slices.ContainsFunc(b, in) {
			n++
		}
	}
	return n
}

// hasLowerRun tells whether b has n small letters in a row, as words do.
func hasLowerRun(b []byte, n int) bool {
	row := 0
	for _, c := range b {
		row++
		if !isLower(c) {
			row = 0
		}
		if row == n {
			return true
		}
	}
	return false
}
