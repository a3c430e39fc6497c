package secretshapes

import "math"

// Entropy returns the entropy of b in bits per byte: the sum over the byte
// values of -p log2 p, where p is the share of b that has this value (Shannon
// 1948). It is 0 for a text of one value or none, and at most log2(len(b)) and
// 8. It says how evenly the values are spread and nothing about their order.
func Entropy(b []byte) float64 {
	if len(b) == 0 {
		return 0
	}
	var counts [256]int
	for _, c := range b {
		counts[c]++
	}
	n, sum := float64(len(b)), 0.0
	for _, count := range counts {
		if count > 0 {
			sum += float64(count) * math.Log2(float64(count))
		}
	}
	return math.Log2(n) - sum/n
}

// random tells whether b has the entropy that a shape asks for.
func random(b []byte, bound float64) bool {
	if bound <= 0 {
		return true
	}
	highest := math.Log2(float64(len(b)))
	return Entropy(b) >= min(bound, highest-0.25)
}
