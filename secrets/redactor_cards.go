package secrets

import "github.com/masaruk/devops/internal/secretshapes"

const (
	minCard = 13 // digits, ISO/IEC 7812-1 with the shortest in use
	maxCard = 19
)

// findCards is the [finder] of PaymentCards.
func findCards(b []byte, from int, final bool, found func(start, end int)) int {
	for i := from; i < len(b); {
		if !isDigit(b[i]) {
			i++
			continue
		}
		if i == 0 || !isDigit(b[i-1]) { // a group begins
			end, open := cardAt(b, i)
			if open && !final {
				return i
			}
			if end > 0 {
				found(i, end)
			}
		}
		for i < len(b) && isDigit(b[i]) {
			i++
		}
	}
	return len(b)
}

// cardAt returns the end of the longest card number that begins at i, or 0.
// Open tells that b ends too early to say.
func cardAt(b []byte, i int) (end int, open bool) {
	if b[i] <= '1' || i >= 2 && b[i-1] == '.' && isDigit(b[i-2]) {
		return 0, false // a time, a counter, or what follows a decimal point
	}
	var digits [maxCard]byte
	n := 0
	for j := i; ; j++ {
		if j == len(b) {
			return cardEnd(digits[:n], j, end), true
		}
		if isDigit(b[j]) {
			if n == maxCard {
				return end, false
			}
			digits[n] = b[j]
			n++
			continue
		}
		if !isDigit(b[j-1]) { // two separators
			return end, false
		}
		end = cardEnd(digits[:n], j, end)
		if b[j] != ' ' && b[j] != '-' {
			return end, false
		}
	}
}

// cardEnd returns end if digits are a card number, else the one before.
func cardEnd(digits []byte, end, before int) int {
	if len(digits) >= minCard && secretshapes.Luhn(digits) {
		return end
	}
	return before
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isAlphanumeric(c byte) bool { return isLetter(c) || isDigit(c) }
