package secrets

import "bytes"

const (
	maxLocal  = 64  // bytes before the @ of an address, RFC 5321, 4.5.3.1
	maxDomain = 255 // bytes behind it
)

// findEmails is the [finder] of EmailAddresses.
func findEmails(b []byte, from int, final bool, found func(start, end int)) int {
	for i := from; ; {
		k := bytes.IndexByte(b[i:], '@')
		if k < 0 {
			break
		}
		at := i + k
		start := localBegin(b, at, i)
		end, open := domainEnd(b, at+1)
		if open && !final {
			return start
		}
		if start < at && end > 0 {
			found(start, end)
		}
		i = at + 1
		from = i
	}
	if final {
		return len(b)
	}
	return localBegin(b, len(b), from)
}

// localBegin returns where the local part that ends at end begins, not before
// from.
func localBegin(b []byte, end, from int) int {
	start := end
	for start > max(from, end-maxLocal) && isLocal(b[start-1]) {
		start--
	}
	return start
}

func isLocal(c byte) bool {
	switch c {
	case '.', '_', '%', '+', '-':
		return true
	}
	return isAlphanumeric(c)
}

// domainEnd returns the end of the domain that begins at i, or 0 where there is
// none: at least two labels, the last of letters. A point behind it is not of
// it.
func domainEnd(b []byte, i int) (end int, open bool) {
	label := i
	for j := i; j <= i+maxDomain; j++ {
		switch {
		case j == len(b):
			return domainPart(b, i, label, j, end), true
		case isAlphanumeric(b[j]) || b[j] == '-':
			continue
		}
		end = domainPart(b, i, label, j, end)
		if b[j] != '.' || j == label {
			return end, false
		}
		label = j + 1
	}
	return end, false
}

// domainPart returns j if the domain may end there, else the end before.
func domainPart(b []byte, i, label, j, before int) int {
	if label == i || j-label < 2 {
		return before
	}
	for _, c := range b[label:j] {
		if !isLetter(c) {
			return before
		}
	}
	return j
}

const (
	minPhone = 8  // digits
	maxPhone = 15 // ITU-T E.164
)

// findPhones is the [finder] of PhoneNumbers.
func findPhones(b []byte, from int, final bool, found func(start, end int)) int {
	for i := from; i < len(b); {
		c := b[i]
		if !isDigit(c) && c != '+' && c != '(' || i > 0 && (isAlphanumeric(b[i-1]) || b[i-1] == '+') {
			i++
			continue
		}
		end, open := phoneAt(b, i)
		if open && !final {
			return i
		}
		if end > 0 {
			found(i, end)
			i = end
			continue
		}
		i++
	}
	return len(b)
}

// phoneAt returns the end of the number that begins at i, or 0.
func phoneAt(b []byte, i int) (end int, open bool) {
	switch rest := b[i:]; {
	case rest[0] == '+':
		return internationalEnd(b, i+1)
	case bytes.HasPrefix(rest, []byte("00")):
		return internationalEnd(b, i+2)
	case len(rest) == 1 && rest[0] == '0':
		return 0, true
	}
	if end, open = layoutEnd(b, i, "(ddd) ddd-dddd"); end > 0 || open {
		return end, open
	}
	return layoutEnd(b, i, "ddd-ddd-dddd")
}

// internationalEnd reads the digits of a number behind its prefix, with at most
// two separators between them.
func internationalEnd(b []byte, i int) (end int, open bool) {
	n, gap := 0, 0
	for j := i; ; j++ {
		switch {
		case j == len(b):
			open = true
		case isDigit(b[j]) && (n > 0 || b[j] != '0'):
			n, gap, end = n+1, 0, j+1
			if n <= maxPhone {
				continue
			}
		case n > 0 && gap < 2 && bytes.IndexByte([]byte(" .-/()"), b[j]) >= 0:
			gap++
			continue
		}
		if n < minPhone || n > maxPhone {
			end = 0
		}
		return end, open
	}
}

// layoutEnd returns the end of a number that is written like layout, where d
// is a digit, and nothing of a word follows.
func layoutEnd(b []byte, i int, layout string) (end int, open bool) {
	for k := range len(layout) {
		switch {
		case i+k == len(b):
			return 0, true
		case layout[k] == 'd' && isDigit(b[i+k]), layout[k] == b[i+k]:
		default:
			return 0, false
		}
	}
	end = i + len(layout)
	if end == len(b) {
		return end, true
	}
	if isAlphanumeric(b[end]) {
		return 0, false
	}
	return end, false
}
