package secretshapes

import "bytes"

// contextShapes are those that only the words before a text tell.
func contextShapes() []Shape {
	return []Shape{
		{ID: "aws-secret-key", Name: "AWS secret access key", MinEntropy: 4, fold: true, anchors: []string{"aws", "secret_access_key", "secretaccesskey", "secret-access-key"}, match: near(isStd64, 40, 3)},
		{ID: "twilio-auth-token", Name: "Twilio auth token", MinEntropy: 3, fold: true, anchors: []string{"twilio"}, match: near(isHex, 32, 2)},
		{ID: "mailgun-private-key", Name: "Mailgun private key", MinEntropy: 3, fold: true, anchors: []string{"mailgun"}, match: matchMailgun},
		{
			ID: "assigned-secret", Name: "value of a setting that is named as a secret", Generic: true, MinEntropy: 3.5, fold: true,
			anchors: []string{"pass", "pwd", "secret", "token", "credential", "key", "auth"}, match: matchAssignment,
		},
	}
}

// near matches n bytes of a class that stand alone within 64 bytes of the
// anchor, on the same line, where an assignment is between the two. They have
// mixed of the kinds that kinds counts, which a path of words has not.
func near(in class, n, mixed int) matcher {
	return func(t *text, _, end int) (found, bool) {
		assigned := false
		for i := end; i < end+64; i++ {
			c := t.at(i)
			switch {
			case c == '\n' || c == 0:
				return found{}, false
			case c == '=' || c == ':':
				assigned = true
			case assigned && in(c) && !in(t.b[i-1]) || in(c) && t.b[i-1] == '=' && assigned:
				last := t.run(i, in, n+1)
				if last-i == n && !isWord(t.at(last)) && kinds(t.b[i:last]) >= mixed && !hasLowerRun(t.b[i:last], 10) {
					return found{i, i, last}, true
				}
				i = last - 1
			}
		}
		return found{}, false
	}
}

// matchMailgun matches 32, 8 and 8 hexadecimal digits with hyphens, near the
// anchor.
func matchMailgun(t *text, _, end int) (found, bool) {
	for i := end; i < end+64; i++ {
		c := t.at(i)
		if c == '\n' || c == 0 {
			break
		}
		if !isHex(c) || isHex(t.b[i-1]) {
			continue
		}
		a := t.run(i, isHex, 32)
		if a-i < 32 || t.at(a) != '-' {
			continue
		}
		b := t.run(a+1, isHex, 8)
		last := t.run(b+1, isHex, 8)
		if b-a == 9 && t.at(b) == '-' && last-b == 9 && !isWord(t.at(last)) {
			return found{i, i, last}, true
		}
	}
	return found{}, false
}

const (
	maxName  = 48
	minValue = 10
	maxValue = 150
)

// matchAssignment matches the value in name = value, where the anchor is in the
// name: also "name": "value", name => value, name := value, -Dname=value, name:
// Bearer value, and name || "value". A value that is not in quotes ends the
// line, or ends where shells, YAML and URLs end it.
func matchAssignment(t *text, at, end int) (found, bool) {
	begin := t.runBack(at, isName, maxName)
	end = t.run(end, isName, maxName)
	i, assigned := t.operator(end)
	if !assigned {
		return found{}, false
	}
	i, quote := t.quote(i)
	if name := t.b[begin:end]; !isSecretName(name) && !isPassName(name, quote != 0) {
		return found{}, false
	}
	i = t.scheme(i)
	in := valueClass(quote)
	if i == end+1 && t.isEnvironmentLine(begin, end) {
		in = isEnvironmentValue
	}
	last := t.run(i, in, maxValue+1)
	if last-i < minValue || last-i > maxValue {
		return found{}, false
	}
	if quote != 0 && t.at(last) != quote && t.at(last) != '\\' {
		return found{}, false
	}
	value := t.b[i:last]
	if isStandIn(value) || quote == 0 && !endsValue(t.at(last)) || isExpression(value, quote != 0) {
		return found{}, false
	}
	return found{i, i, last}, true
}

// operator reads what stands between a name and its value. Where it is || or
// ??, which give a value to use when there is no other, that is in quotes.
func (t *text) operator(i int) (value int, ok bool) {
	for range 2 { // the quote of the name, also escaped, and a bracket
		switch t.at(i) {
		case '\\', '"', '\'', '`':
			i++
		}
	}
	if t.at(i) == ']' {
		i++
	}
	i = t.blanks(i, 16)
	switch c := t.at(i); {
	case c == ':' && t.at(i+1) == '=', c == '=' && t.at(i+1) == '>':
		i += 2
	case c == '=' && t.at(i+1) == '=':
		return 0, false
	case c == '=' || c == ':':
		i++
	case (c == '|' || c == '?') && t.at(i+1) == c:
		if i += 2; t.at(i) == '=' {
			i++
		}
		i = t.blanks(i, 16)
		_, quote := t.quote(i)
		return i, quote != 0
	default:
		return 0, false
	}
	return t.blanks(i, 16), true
}

// scheme reads the name of a scheme of HTTP before a value (RFC 9110, 11.1).
func (t *text) scheme(i int) int {
	for _, name := range [...]string{"bearer ", "basic ", "token "} {
		end := i
		for end < i+len(name) && lower(t.at(end)) == name[end-i] {
			end++
		}
		if end == i+len(name) {
			return t.blanks(end, 16)
		}
	}
	return i
}

// quote reads the quote before a value, which may be escaped.
func (t *text) quote(i int) (value int, quote byte) {
	if t.at(i) == '\\' {
		i++
	}
	switch c := t.at(i); c {
	case '"', '\'', '`':
		return i + 1, c
	}
	return i, 0
}

// valueClass is what a value may hold: in quotes anything but those, spaces and
// backslashes; else what needs no quotes in a shell or YAML.
func valueClass(quote byte) class {
	if quote != 0 {
		return func(c byte) bool { return c > ' ' && c != quote && c != '\\' && c < 0x7f }
	}
	return func(c byte) bool {
		return isStd64(c) || isDotted(c) || c == '!' || c == '@' || c == '~' || c == '^' || c == '%' || c == '*'
	}
}

// isEnvironmentLine tells whether the name between begin and end is the first on
// its line, and a = follows, as in .env files and for export in a shell.
func (t *text) isEnvironmentLine(begin, end int) bool {
	before := bytes.TrimSuffix(t.b[max(0, begin-len("\nexport ")):begin], []byte("export "))
	return t.at(end) == '=' && (len(before) == 0 || before[len(before)-1] == '\n')
}

// isEnvironmentValue is what a value may hold there, where nothing else follows
// on the line: not what expressions have.
func isEnvironmentValue(c byte) bool {
	return isPassword(c) && c < 0x7f && c != '{' && c != '}' && c != '[' && c != ']' && c != ',' && c != ';' || bytes.IndexByte([]byte("/?#"), c) >= 0
}

// endsValue tells whether c may follow a value that is not in quotes.
func endsValue(c byte) bool {
	switch c {
	case 0, '\n', '\r', ' ', '\t', ',', ';', '&', '"', '\'', '}', '\\', '<', '#', '|':
		return true
	}
	return false
}
