package secretshapes

import "bytes"

// isExpression tells whether a value is rather a name, a number, a path or a
// call in a program: random text of ten bytes and more has digits and letters,
// and is not one word with a number at its end.
func isExpression(value []byte, quoted bool) bool {
	digits, letters, points := 0, 0, 0
	for _, c := range value {
		switch {
		case isDigit(c):
			digits++
		case isLetter(c):
			letters++
		case c == '.' || c == '/':
			points++
		}
	}
	if letters == 0 || digits == 0 && len(value)-letters < 2 {
		return true
	}
	if bytes.ContainsAny(value, "()[]{}") && !quoted || points > 0 && points*4 >= len(value)/3 {
		return true
	}
	if value[0] == '+' && value[len(value)-1] == '+' {
		return true // "token=" + token + "&"
	}
	return !quoted && digits < 2 || isWordAndNumber(value) || isWords(value, digits) || !quoted && isSelector(value)
}

// isSelector tells whether a value is names with points between them, one of
// them without a digit: ed25519.PrivateKey.
func isSelector(value []byte) bool {
	word, points := false, 0
	for part := range bytes.SplitSeq(value, []byte{'.'}) {
		if len(part) == 0 || !isLetter(part[0]) || bytes.ContainsFunc(part, func(c rune) bool { return c > 0x7f || !isWord(byte(c)) }) {
			return false
		}
		word = word || !bytes.ContainsAny(part, "0123456789")
		points++
	}
	return word && points > 1
}

// isWords tells whether a value is three or more words of one case, with a
// digit here and there: s3_disable_express_session.
func isWords(value []byte, digits int) bool {
	separators, small, capitals := 0, false, false
	for _, c := range value {
		switch {
		case isLower(c):
			small = true
		case isUpper(c):
			capitals = true
		case c == '.' || c == '_' || c == '-':
			separators++
		case !isDigit(c):
			return false
		}
	}
	return separators >= 2 && small != capitals && digits*8 < len(value)
}

// isWordAndNumber tells whether digits are only at the end: sha256, key-00012.
func isWordAndNumber(value []byte) bool {
	rest := bytes.TrimRight(value, "0123456789")
	return !bytes.ContainsAny(rest, "0123456789!#$%^&*+=~@")
}
