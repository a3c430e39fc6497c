package envconfig

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. Its text is a whole number with a unit: B, the
// powers of 1024 KiB, MiB, GiB, TiB, PiB, EiB, or the powers of 1000 kB (or
// KB), MB, GB, TB, PB, EB; "64MiB" or "64 MiB". Only 0 may stand without a
// unit, since nobody can tell whether a bare 64 is bytes or megabytes.
type Size int64

type unit struct {
	name  string
	bytes int64
}

// units are the units from the largest to the smallest, those of 1024 first
// because String prefers them.
func units() [14]unit {
	return [...]unit{
		{"EiB", 1 << 60},
		{"PiB", 1 << 50},
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"EB", 1e18},
		{"PB", 1e15},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"kB", 1e3},
		{"KB", 1e3},
		{"B", 1},
	}
}

var errSize = errors.New(`envconfig: the text is not a size such as 64MiB or 10MB between 0 and 2^63-1 bytes`)

// UnmarshalText parses a size. Its error does not hold the text.
func (s *Size) UnmarshalText(text []byte) error {
	v, ok := parseSize(string(text))
	if !ok {
		return errSize
	}
	*s = v
	return nil
}

// MarshalText returns what String returns.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the size in the largest unit that needs no fraction.
func (s Size) String() string {
	if s == 0 {
		return "0"
	}
	for _, u := range units() {
		if int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

func parseSize(text string) (Size, bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		return 0, false
	}
	name := strings.TrimPrefix(text[end:], " ")
	if name == "" {
		return 0, n == 0 && text[end:] == ""
	}
	for _, u := range units() {
		if u.name == name {
			return Size(n * u.bytes), n <= math.MaxInt64/u.bytes
		}
	}
	return 0, false
}
