package leakscan

import (
	"bufio"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Reader reads UTF-16 as UTF-8. Half a pair of surrogates becomes U+FFFD,
// and so does half a unit at the end.
type utf16Reader struct {
	from   *bufio.Reader
	little bool
	out    []byte // what is read of the last character, at the front
	again  rune   // a unit that did not complete a pair, or 0
}

// Read is as in io.Reader.
func (r *utf16Reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.out) > 0 {
			k := copy(p[n:], r.out)
			n, r.out = n+k, r.out[k:]
			continue
		}
		if n > 0 && r.from.Buffered() < 2 && r.again == 0 {
			return n, nil
		}
		c, err := r.character()
		if err != nil {
			return n, err
		}
		r.out = utf8.AppendRune(r.out[:0], c)
	}
	return n, nil
}

// character reads one. A mark at the beginning is one, and harmless.
func (r *utf16Reader) character() (rune, error) {
	first := r.again
	r.again = 0
	if first == 0 {
		var err error
		if first, err = r.unit(); err != nil {
			return 0, err
		}
	}
	if first < 0xd800 || first >= 0xdc00 {
		if utf16.IsSurrogate(first) {
			return utf8.RuneError, nil
		}
		return first, nil
	}
	second, err := r.unit()
	if err != nil && err != io.EOF {
		return 0, err
	}
	pair := utf16.DecodeRune(first, second)
	if pair == utf8.RuneError && err == nil {
		r.again = second
	}
	return pair, nil
}

func (r *utf16Reader) unit() (rune, error) {
	var b [2]byte
	switch _, err := io.ReadFull(r.from, b[:]); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return utf8.RuneError, nil
	case err != nil:
		return 0, err
	}
	if r.little {
		return rune(b[1])<<8 | rune(b[0]), nil
	}
	return rune(b[0])<<8 | rune(b[1]), nil
}
