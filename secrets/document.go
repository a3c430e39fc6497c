package secrets

import "fmt"

// JSON returns doc, one JSON value, with the [Placeholder] as a string in
// place of what the paths lead to, and with what r knows replaced in strings,
// keys and numbers (a number becomes a string). All else stays byte for byte:
// order, spaces, numbers, duplicate keys. Without anything to hide it returns
// doc itself; it never changes doc. Paths do not see into JSON that is in a
// string. A nil r knows nothing.
//
// What is not JSON, as package encoding/json reads it, is an error that tells
// the position and nothing of the content. The first result is then what came
// before that position, masked, and the Placeholder in place of the token
// there and all the rest, so that it can be passed on safely.
func (k *Keys) JSON(doc []byte, r *Redactor) ([]byte, error) {
	return maskJSON(k, r, nil, doc)
}

// maskJSON masks doc, which is found at path.
func maskJSON(k *Keys, r *Redactor, path []element, doc []byte) ([]byte, error) {
	d := document{keys: k, redactor: r, text: string(doc), path: path}
	if d.value() {
		d.space()
		if d.at == len(doc) && d.copied == 0 {
			return doc, nil
		}
		if d.at == len(doc) {
			return append(d.out, d.text[d.copied:]...), nil
		}
		d.start = d.at
	}
	err := fmt.Errorf("secrets: no JSON from byte %d of %d on; it is masked from there", d.at+1, len(doc))
	d.replace(d.start, len(doc), Placeholder)
	return d.out, err
}

// document is a scan over JSON text. Its methods return false at what is not
// JSON; at is then there, and start where its token begins.
type document struct {
	keys     *Keys
	redactor *Redactor
	text     string
	at       int
	start    int
	depth    int
	hidden   bool // what is around is replaced as a whole

	path   []element
	out    []byte // what is changed of text up to copied
	copied int
}

// replace puts with in place of text[from:to].
func (d *document) replace(from, to int, with string) {
	d.out = append(d.out, d.text[d.copied:from]...)
	d.out = append(d.out, with...)
	d.copied = to
}

func (d *document) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\n', '\t', '\r':
			d.at++
		default:
			return
		}
	}
}

// maxDepth is that of encoding/json.
const maxDepth = 10000

func (d *document) value() bool {
	d.space()
	d.start = d.at
	if d.at == len(d.text) {
		return false
	}
	switch c := d.text[d.at]; c {
	case '{':
		return d.nested(d.object)
	case '[':
		return d.nested(d.array)
	case '"':
		return d.string()
	case 't':
		return d.literal("true")
	case 'f':
		return d.literal("false")
	case 'n':
		return d.literal("null")
	default:
		return (c == '-' || isDigit(c)) && d.number()
	}
}

func (d *document) nested(inside func() bool) bool {
	if d.depth++; d.depth > maxDepth {
		return false
	}
	d.at++
	if !inside() {
		return false
	}
	d.depth--
	return true
}

func (d *document) literal(word string) bool {
	if len(d.text)-d.at < len(word) || d.text[d.at:d.at+len(word)] != word {
		return false
	}
	d.at += len(word)
	return true
}

// member takes the value that path leads to.
func (d *document) member() bool {
	if d.hidden || !d.keys.hit(d.path) {
		return d.value()
	}
	d.space()
	start := d.at
	d.hidden = true
	ok := d.value()
	d.hidden = false
	if !ok {
		d.start = start
		return false
	}
	d.replace(start, d.at, `"`+Placeholder+`"`)
	return true
}

// closes takes c, if it is next.
func (d *document) closes(c byte) bool {
	d.space()
	if d.at == len(d.text) || d.text[d.at] != c {
		return false
	}
	d.at++
	return true
}

func (d *document) follows(c byte) bool {
	d.space()
	d.start = d.at
	return d.closes(c)
}
