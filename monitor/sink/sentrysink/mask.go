package sentrysink

import (
	"errors"
	"fmt"
	"strings"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/secrets"
)

const (
	longestText = 8 << 10
	longestTag  = 200 // characters, of which Sentry cuts longer ones
	longestKey  = 32
)

// mask makes texts that may leave the program. It redacts them whole, before
// anything is cut off.
type mask struct{ redactor *secrets.Redactor }

// text is s as a text of several lines.
func (m mask) text(s string) string { return cut(m.redactor.String(s), longestText) }

// line is s on one line.
func (m mask) line(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, m.redactor.String(s))
	return cut(strings.TrimSpace(s), limit)
}

// key is s as the name of a tag: letters, digits, "_", ".", ":" and "-".
func (m mask) key(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("_.:-", r):
			return r
		}
		return '_'
	}, m.line(s, longestKey))
}

// cut returns at most limit bytes of s, of valid UTF-8.
func cut(s string, limit int) string {
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit-len("...")], "") + "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// errorText is the text of err, also where a method of it panics.
func errorText(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T, whose Error method panics", err)
		}
	}()
	if err == nil {
		return ""
	}
	return err.Error()
}

// panicOf returns the panic that err tells of.
func panicOf(err error) (p *monitor.PanicError) {
	defer func() {
		if recover() != nil {
			p = nil
		}
	}()
	if !errors.As(err, &p) {
		return nil
	}
	return p
}
