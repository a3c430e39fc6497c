package secretshapes

import "bytes"

// addressShapes are addresses that have a secret in them.
func addressShapes() []Shape {
	return []Shape{
		{ID: "url-password", Name: "password in a URL", MinEntropy: 2, anchors: []string{"://"}, match: matchURLPassword},
		{ID: "sentry-dsn", Name: "Sentry DSN", MinEntropy: 2.5, anchors: []string{"://"}, match: matchDSN},
		{ID: "slack-webhook", Name: "Slack webhook", MinEntropy: 3, anchors: []string{"hooks.slack.com/"}, match: matchSlackWebhook},
		{ID: "discord-webhook", Name: "Discord webhook", MinEntropy: 3, anchors: []string{"discord.com/api/webhooks/", "discordapp.com/api/webhooks/"}, match: matchDiscordWebhook},
	}
}

// matchURLPassword matches the password of scheme://user:password@host, where
// the user may be missing, as for Redis. The password may hold an @ or a colon,
// as many libraries let it.
func matchURLPassword(t *text, at, end int) (found, bool) {
	if at == 0 || !isAlnum(t.b[at-1]) {
		return found{}, false
	}
	colon := t.run(end, isUser, 128)
	if t.at(colon) != ':' {
		return found{}, false
	}
	body, last := colon+1, 0
	for i := body; i < body+256; i++ {
		c := t.at(i)
		if c == '@' && isHostBegin(t.at(i+1)) {
			last = i
		}
		if !isPassword(c) {
			break
		}
	}
	if last-body < 4 || bytes.Equal(t.b[end:colon], t.b[body:last]) || isStandInPassword(t.b[body:last]) || isReservedHost(t, last+1) {
		return found{}, false
	}
	return found{body, body, last}, true
}

func isUser(c byte) bool { return isPassword(c) && c != ':' && c != '@' }

func isPassword(c byte) bool {
	switch c {
	case '/', '"', '\'', '`', '<', '>', '\\', '?', '#', '(', ')', 0:
		return false
	}
	return c > ' '
}

func isHostBegin(c byte) bool { return isAlnum(c) || c == '[' || c == '/' || c == '_' }

// isReservedHost tells whether the host at i can never exist (RFC 2606), so
// that nothing is protected by a password for it.
func isReservedHost(t *text, i int) bool {
	end := t.run(i, isDotted, 255)
	host := bytes.ToLower(t.b[i:end])
	for _, name := range [...]string{"example", "example.com", "example.org", "example.net", "invalid", "test"} {
		if rest, ok := bytes.CutSuffix(host, []byte(name)); ok && (len(rest) == 0 || rest[len(rest)-1] == '.') {
			return true
		}
	}
	return false
}

// matchDSN matches the keys of https://<key>@<host>/<project> or
// https://<key>:<secret>@<host>/<project>. A key has 32 hexadecimal digits.
func matchDSN(t *text, at, end int) (found, bool) {
	if at == 0 || t.b[at-1] != 's' && t.b[at-1] != 'p' {
		return found{}, false
	}
	last := t.run(end, isHex, 32)
	if last-end != 32 {
		return found{}, false
	}
	if t.at(last) == ':' {
		last = t.run(last+1, isHex, 32)
	}
	if t.at(last) != '@' || isReservedHost(t, last+1) {
		return found{}, false
	}
	host := t.run(last+1, func(c byte) bool { return isDotted(c) || c == ':' }, 255)
	return found{end, end, last}, host-last > 3 && t.at(host) == '/' && isDigit(t.at(host+1))
}

// matchSlackWebhook matches what follows hooks.slack.com/services/, or
// workflows or triggers.
func matchSlackWebhook(t *text, _, end int) (found, bool) {
	kind := t.run(end, isLower, 16)
	last := t.run(kind, func(c byte) bool { return isWord(c) || c == '/' }, 200)
	body := last
	for body > kind && t.b[body-1] != '/' {
		body--
	}
	return found{kind, body, last}, last-body >= 20 && body-kind >= 10
}

// matchDiscordWebhook matches the number and the token of a webhook.
func matchDiscordWebhook(t *text, _, end int) (found, bool) {
	slash := t.run(end, isDigit, 24)
	last := t.run(slash+1, isURL64, 100)
	return found{slash + 1, slash + 1, last}, slash-end >= 15 && t.at(slash) == '/' && last-slash > 60
}
