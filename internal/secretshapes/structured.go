package secretshapes

import (
	"bytes"
	"encoding/base64"
)

// structuredShapes are those that have a format.
func structuredShapes() []Shape {
	return []Shape{
		{ID: "jwt", Name: "JSON web token", MinEntropy: 3, anchors: []string{"eyJ"}, match: matchJWT},
		{ID: "private-key", Name: "private key (PEM, OpenSSH or PGP; also encrypted)", MinEntropy: 3, anchors: []string{"-----BEGIN "}, match: matchPEM},
		{ID: "private-key-base64", Name: "private key (PEM in base64)", MinEntropy: 3, anchors: []string{"LS0tLS1CRUdJTi"}, match: matchPEM64},
		{ID: "gcp-service-account", Name: "key of a Google service account", MinEntropy: 2.5, anchors: []string{`"private_key_id"`, `\"private_key_id\"`}, match: matchServiceAccount},
	}
}

const (
	maxJWTHeader    = 2 << 10
	maxJWTPayload   = 16 << 10
	maxJWTSignature = 1 << 10
	maxPEM          = 16 << 10
)

// matchJWT matches a signed token (RFC 7519): a header that names an
// algorithm, an object, and a signature. A payload that is longer than
// maxJWTPayload is cut off there.
func matchJWT(t *text, at, _ int) (found, bool) {
	if !t.wordBegins(at) || at > 0 && isURL64(t.b[at-1]) && !isAlnum(t.b[at-1]) {
		return found{}, false // so that runs of near misses do not overlap
	}
	dot := t.run(at, isURL64, maxJWTHeader)
	if t.at(dot) != '.' || t.at(dot+1) != 'e' { // as in base64 of all that begins with {
		return found{}, false
	}
	header, err := base64.RawURLEncoding.DecodeString(string(t.b[at:dot]))
	if err != nil || !bytes.Contains(header, []byte(`"alg"`)) {
		return found{}, false
	}
	end := t.run(dot+1, isURL64, maxJWTPayload)
	if end-dot > maxJWTPayload {
		return found{at, dot + 1, end}, true
	}
	if t.at(end) != '.' || end-dot < 10 {
		return found{}, false
	}
	signature := end + 1
	end = t.run(signature, isURL64, maxJWTSignature)
	return found{at, signature, end}, end-signature >= 16
}

// matchPEM matches a private key from its first line to its last. Where the
// last is missing, the key ends where the text is no longer that of a key, and
// after maxPEM bytes at the latest. The lines may be those of a JSON or program
// text: separated by \n, in quotes.
func matchPEM(t *text, at, label int) (found, bool) {
	end := t.run(label, isLabel, 48)
	if !bytes.HasSuffix(bytes.TrimSuffix(t.upTo(label, end), []byte(" BLOCK")), []byte("PRIVATE KEY")) || !t.has(end, "-----") {
		return found{}, false
	}
	body := end + 5
	end, key := t.keyText(body, at+maxPEM)
	return found{at, body, end}, key >= 64
}

// isLabel is the alphabet of the label of a PEM block (RFC 7468).
func isLabel(c byte) bool { return isUpper(c) || isDigit(c) || c == ' ' }

// upTo returns the text between two places of it.
func (t *text) upTo(from, to int) []byte { return t.b[from:max(from, min(to, len(t.b)))] }

// keyText reads the body of a key and its last line. Key counts the bytes of
// it that are in long runs of base64: words are shorter.
func (t *text) keyText(i, limit int) (end, key int) {
	const long = 32
	for i < limit {
		switch c := t.at(i); {
		case c == '-' && t.has(i, "-----BEGIN "):
			return i, key
		case c == '-' && t.has(i, "-----END "):
			i = t.run(i+9, isLabel, 48)
			return t.run(i, func(c byte) bool { return c == '-' }, 5), key
		case isStd64(c):
			next := t.run(i, isStd64, limit-i)
			if next-i >= long || key > 0 {
				key += next - i
			}
			i = next
		case c != 0 && isBetweenKeyLines(c):
			i++
		default:
			return i, key
		}
	}
	return i, key
}

// isBetweenKeyLines is what stands between the lines of a key: white space,
// the headers of an encrypted one, and the quotes of a program text.
func isBetweenKeyLines(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', '\\', '"', '\'', '`', ',', ':', '-', '.', '(', ')', '@', '<', '>', '|', '#', '*', '_':
		return true
	}
	return false
}

// matchPEM64 matches a PEM private key that was encoded once more, as in a
// variable. It ends where another one begins.
func matchPEM64(t *text, at, anchor int) (found, bool) {
	most := maxPEM
	if next := bytes.Index(t.upTo(at+1, at+maxPEM), t.b[at:anchor]); next >= 0 {
		most = next + 1
	}
	end := t.run(at, isStd64, most)
	if end-at < 128 {
		return found{}, false
	}
	first, err := base64.StdEncoding.DecodeString(string(t.b[at : at+64]))
	if err != nil || !bytes.Contains(first, []byte("PRIVATE KEY")) {
		return found{}, false
	}
	return found{at, at + 64, end}, true
}

// matchServiceAccount matches the ID of the key in the JSON file of a service
// account. The key itself is a private-key.
func matchServiceAccount(t *text, _, end int) (found, bool) {
	i := t.run(end, func(c byte) bool { return isBlank(c) || c == ':' || c == '"' || c == '\\' }, 12)
	last := t.run(i, isHex, 40)
	return found{i, i, last}, last-i == 40 && !isAlnum(t.at(last))
}
