package leakforms

import "strings"

// urlForms returns s percent-encoded. What differs between encoders is which
// characters they leave as they are.
func urlForms(s string) []string {
	const unreserved = "-_.~" // RFC 3986, 2.3, besides letters and digits
	var all []string
	for _, keep := range []string{
		unreserved,               // Go: url.QueryEscape; space as %20: rawurlencode
		unreserved + "$&+:=@",    // Go: url.PathEscape
		unreserved + "$&+,/:;=@", // Go: url.URL.EscapedPath
		unreserved + "$&+,;=",    // Go: url.UserPassword
		unreserved + "/",         // Python: urllib.parse.quote
		"-_.!~*'()",              // ECMA-262: encodeURIComponent
		"-_.!~*'();/?:@&=+$,#",   // ECMA-262: encodeURI
		"-_.*",                   // WHATWG: URLSearchParams
	} {
		for _, digits := range []string{"0123456789ABCDEF", "0123456789abcdef"} {
			plus := percent(s, keep+" ", digits)
			all = append(all, percent(s, keep, digits), strings.ReplaceAll(plus, " ", "+"))
		}
	}
	return all
}

// percent encodes each byte that is no ASCII letter or digit and not in keep.
func percent(s, keep, digits string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; alphanumeric(c) || c < 0x80 && strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString(string([]byte{'%', digits[c>>4], digits[c&15]}))
		}
	}
	return b.String()
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
