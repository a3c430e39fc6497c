package leakforms

import "encoding/base64"

// base64Forms returns s in base64, alone and within other text.
func base64Forms(s string) []string {
	var all []string
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		all = append(all, e.EncodeToString([]byte(s)))
		all = append(all, e.WithPadding(base64.NoPadding).EncodeToString([]byte(s)))
		for before := range 3 {
			all = append(all, inner(e, s, before))
		}
	}
	return all
}

// inner returns the characters that depend wholly on s, where so many bytes
// (0, 1 or 2) stand before it in its group of three: character k holds the
// bits from 6k to 6k+6.
func inner(e *base64.Encoding, s string, before int) string {
	padded := make([]byte, before, before+len(s)+2)
	padded = append(append(padded, s...), 0, 0)
	text := e.WithPadding(base64.NoPadding).EncodeToString(padded)
	first, last := (8*before+5)/6, 8*(before+len(s))/6
	return text[first:max(first, last)]
}
