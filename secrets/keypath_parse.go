package secrets

import (
	"fmt"
	"strconv"
	"strings"
)

// maxIndex is above any index that a log or a document has.
const maxIndex = 1 << 30

// keyParser reads one path.
type keyParser struct {
	text string
	i    int
	path keyPath
}

func parseKeyPath(text string) (keyPath, error) {
	p := &keyParser{text: text}
	if text == "" {
		return nil, p.wrong("is empty; name a key, such as **.password")
	}
	for first := true; p.i < len(text); first = false {
		if err := p.step(first); err != nil {
			return nil, err
		}
	}
	if p.path[len(p.path)-1].kind == anyDepth {
		return nil, p.wrong("ends in **, which is everything; name the key to hide after it")
	}
	return p.path, nil
}

func (p *keyParser) wrong(format string, args ...any) error {
	return fmt.Errorf("secrets: key path %q, position %d: %s", p.text, p.i+1, fmt.Sprintf(format, args...))
}

func (p *keyParser) step(first bool) error {
	switch {
	case p.text[p.i] == '[':
		return p.bracket()
	case first:
	case p.text[p.i] == '.':
		p.i++
	default:
		return p.wrong("expected . or [ after a step")
	}
	end := strings.IndexAny(p.text[p.i:], ".[")
	if end < 0 {
		end = len(p.text) - p.i
	}
	return p.name(p.text[p.i:p.i+end], end)
}

// name takes a name that stands in no brackets.
func (p *keyParser) name(text string, size int) error {
	if text == "" {
		return p.wrong("expected a name, * or **")
	}
	s, skipped := keyStep{}, 0
	switch {
	case text == "*":
		s.kind = oneLevel
	case text == "**":
		s.kind = anyDepth
	case strings.HasPrefix(text, "*"):
		s.kind, text, skipped = nameEnd, text[1:], 1
	case strings.HasSuffix(text, "*"):
		s.kind, text = nameBegin, text[:len(text)-1]
	}
	if s.kind != oneLevel && s.kind != anyDepth {
		if at := strings.IndexFunc(text, notInName); at >= 0 {
			p.i += skipped + at
			return p.wrong("%q cannot stand in a plain name (a * only at one end of it); write a key with it as [\"key\"]", text[at:at+1])
		}
		if s.name = foldName(text); s.name == "" {
			return p.wrong("a name needs more than _ and -, which are not compared")
		}
	}
	p.i += size
	p.path = append(p.path, s)
	return nil
}

func notInName(c rune) bool { return c <= ' ' || strings.ContainsRune(`]*"'\`, c) }

// bracket takes an index, [*] or a name in quotes.
func (p *keyParser) bracket() error {
	rest := p.text[p.i+1:]
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		return p.quoted(rest[0])
	}
	inside, _, closed := strings.Cut(rest, "]")
	if !closed {
		return p.wrong("the [ is never closed")
	}
	s := keyStep{kind: anyIndex}
	if inside != "*" {
		n, err := strconv.ParseUint(inside, 10, 64)
		if err != nil || n > maxIndex {
			return p.wrong("expected an index, * or a key in quotes between [ and ]")
		}
		s = keyStep{kind: oneIndex, index: int(n)}
	}
	p.i += len(inside) + 2
	p.path = append(p.path, s)
	return nil
}

func (p *keyParser) quoted(quote byte) error {
	start := p.i + 2
	size := strings.IndexByte(p.text[start:], quote)
	if size < 0 {
		return p.wrong("the %c is never closed", quote)
	}
	end := start + size + 1
	if end >= len(p.text) || p.text[end] != ']' {
		p.i = end
		return p.wrong("expected ] after the key in quotes")
	}
	name := foldName(p.text[start : end-1])
	if name == "" {
		return p.wrong("a key needs more than _ and -, which are not compared")
	}
	p.i = end + 1
	p.path = append(p.path, keyStep{kind: exactName, name: name})
	return nil
}
