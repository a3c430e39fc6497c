package secretshapes

// Luhn tells whether the digits of b have the check digit of a payment card
// number (ISO/IEC 7812-1, annex B). Other bytes are passed over. It is false
// unless there are 13 to 19 digits, and where all of them are the same.
func Luhn(b []byte) bool {
	sum, n := 0, 0
	first, differ := byte(0), false
	for i := len(b) - 1; i >= 0; i-- {
		c := b[i]
		if !isDigit(c) {
			continue
		}
		if n == 0 {
			first = c
		}
		differ = differ || c != first
		d := int(c - '0')
		if n%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return n >= 13 && n <= 19 && differ && sum%10 == 0
}
