package secretshapes

import "bytes"

func isName(c byte) bool { return isWord(c) || c == '-' || c == '.' }

// isSecretName tells whether a name is that of a secret. Those that say what a
// secret is like, or where it is, are not.
func isSecretName(name []byte) bool {
	name = bytes.ToLower(name)
	for _, suffix := range [...]string{"_id", "-id", "keyid", "_file", "_path", "_url", "_uri", "_name", "_type", "_ttl", "_length", "_hash", "_arn", "file", "path", "name", "length", "count", "type", "public_key", "publickey", "public-key"} {
		if bytes.HasSuffix(name, []byte(suffix)) {
			return false
		}
	}
	flat := bytes.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' {
			return -1
		}
		return r
	}, name)
	for _, word := range [...]string{
		"passw", "passphrase", "pwd", "secret", "token", "credential",
		"apikey", "accesskey", "authkey", "privatekey", "signingkey", "signkey", "encryptionkey", "masterkey", "clientkey", "servicekey", "storagekey", "accountkey", "jwtkey", "hmackey", "basicauth", "authorization",
	} {
		if bytes.Contains(flat, []byte(word)) {
			return true
		}
	}
	return string(name) == "_auth" // of npm
}

// isPassName tells whether pass is the last word of a name, as in SMTP_PASS and
// dbPass. Where it is all of a name or field the value must be in quotes, since
// tests pass too.
func isPassName(name []byte, quoted bool) bool {
	n := len(name) - len("pass")
	switch {
	case n < 0 || !bytes.EqualFold(name[n:], []byte("pass")):
		return false
	case n == 0 || name[n-1] == '.':
		return quoted
	case name[n-1] == '_' || name[n-1] == '-':
		return true
	}
	return name[n] == 'P' && (isLower(name[n-1]) || isDigit(name[n-1]))
}
