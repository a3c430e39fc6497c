package hashlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// version of the record format; it is part of every hash.
const version = 1

const domain = "devops hashlog v1\n"

// Chain verifies and makes the records of one stream in order. It is not safe
// for concurrent use.
type Chain struct {
	stream string
	hashes [][sha256.Size]byte // by sequence number; 0 is the genesis
}

// NewChain returns the empty chain of the stream.
func NewChain(stream string) *Chain {
	genesis := sha256.Sum256([]byte(domain + "stream " + stream + "\n"))
	return &Chain{stream: stream, hashes: [][sha256.Size]byte{genesis}}
}

// Head returns the number and hash of the last record opened. An empty chain
// has Seq 0 and a hash that depends on the stream only.
func (c *Chain) Head() Head {
	last := len(c.hashes) - 1
	return Head{uint64(last), c.hashes[last]}
}

// Seal makes the record that follows the head, with the JSON form of body, and
// returns the head that the chain has once [Chain.Open] took the line. It does
// not advance the chain. The line has no line feed.
func (c *Chain) Seal(body any) (line []byte, next Head, err error) {
	head := c.Head()
	seq := head.Seq + 1
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // the record is read by people
	if err := enc.Encode(body); err != nil {
		return nil, Head{}, &Error{c.stream, seq, fmt.Errorf("encode body: %w", err)}
	}
	text := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	hash := recordHash(seq, head.Hash, text)
	line = fmt.Appendf(nil, `{"v":%d,"seq":%d,"prev":"%x","hash":"%x","body":%s}`, version, seq, head.Hash, hash, text)
	return line, Head{seq, hash}, nil
}

// Open verifies line as the record that follows the head, advances the chain
// and returns the body, which is a part of line. When it returns an error, an
// [*Error], the chain is where it was.
func (c *Chain) Open(line []byte) (body json.RawMessage, err error) {
	head := c.Head()
	want := head.Seq + 1
	r, err := parse(line)
	if err != nil {
		return nil, &Error{c.stream, want, err}
	}
	switch {
	case recordHash(r.seq, r.prev, r.body) != r.hash || !json.Valid(r.body):
		err = fmt.Errorf("%w: its content does not match its hash; %s", ErrEdited, remedy)
	case r.seq > want:
		err = fmt.Errorf("%w: record %d stands here, so record %d is missing or was moved; %s", ErrReordered, r.seq, want, remedy)
	case r.seq < want:
		err = fmt.Errorf("%w: record %d stands here again; %s", ErrReordered, r.seq, remedy)
	case r.prev != head.Hash && want == 1:
		err = fmt.Errorf("%w: it is the beginning of another stream; %s", ErrSpliced, remedy)
	case r.prev != head.Hash:
		err = fmt.Errorf("%w: it does not follow this record %d, so it comes from another stream or record %d was replaced; %s", ErrSpliced, head.Seq, head.Seq, remedy)
	}
	if err != nil {
		return nil, &Error{c.stream, want, err}
	}
	c.hashes = append(c.hashes, r.hash)
	return r.body, nil
}

// CheckAnchor compares a chain that was opened to the end with a head kept
// elsewhere, however old. An error wraps [ErrTruncated] where the chain ends
// before the anchor, and [ErrSpliced] where it has another record there.
func (c *Chain) CheckAnchor(anchor Head) error {
	head := c.Head()
	switch {
	case anchor.Seq > head.Seq:
		return &Error{c.stream, anchor.Seq, fmt.Errorf("%w: it ends at record %d, the anchor is for record %d; %s", ErrTruncated, head.Seq, anchor.Seq, remedy)}
	case c.hashes[anchor.Seq] != anchor.Hash:
		return &Error{c.stream, anchor.Seq, fmt.Errorf("%w: the anchor has another hash, so the log was rewritten or the anchor is for another stream; %s", ErrSpliced, remedy)}
	}
	return nil
}

// recordHash is the formula of the package comment.
func recordHash(seq uint64, prev [sha256.Size]byte, body []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%s%d\n%x\n", domain, seq, prev)
	h.Write(body)
	h.Sum(sum[:0])
	return sum
}

// record is a parsed line.
type record struct {
	seq        uint64
	prev, hash [sha256.Size]byte
	body       []byte
}

// parse takes the one canonical form apart; a record has no other spelling.
func parse(line []byte) (*record, error) {
	malformed := fmt.Errorf("%w: it is not a record; %s", ErrEdited, remedy)
	rest, ok := bytes.CutPrefix(line, []byte(`{"v":`))
	v, rest, ok2 := bytes.Cut(rest, []byte(`,"seq":`))
	seq, rest, ok3 := bytes.Cut(rest, []byte(`,"prev":"`))
	if !ok || !ok2 || !ok3 {
		return nil, malformed
	}
	if n, ok := number(v); !ok || n < version {
		return nil, malformed
	} else if n > version {
		return nil, fmt.Errorf("%w: it has version %d, this program knows %d; use a newer one, unless the log was edited", ErrVersion, n, version)
	}
	r := &record{}
	const digits = 2 * sha256.Size
	if len(rest) < digits {
		return nil, malformed
	}
	prev, rest := rest[:digits], rest[digits:]
	rest, ok = bytes.CutPrefix(rest, []byte(`","hash":"`))
	if !ok || len(rest) < digits {
		return nil, malformed
	}
	hash, rest := rest[:digits], rest[digits:]
	rest, ok = bytes.CutPrefix(rest, []byte(`","body":`))
	body, ok2 := bytes.CutSuffix(rest, []byte("}"))
	if !ok || !ok2 || !unhex(&r.prev, prev) || !unhex(&r.hash, hash) || bytes.IndexByte(body, '\n') >= 0 {
		return nil, malformed
	}
	if r.seq, ok = number(seq); !ok {
		return nil, malformed
	}
	r.body = body
	return r, nil
}

// number parses a decimal without sign or leading zero.
func number(text []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(text), 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == string(text)
}

// unhex parses a hash in lower-case digits.
func unhex(sum *[sha256.Size]byte, text []byte) bool {
	n, err := hex.Decode(sum[:], text)
	return err == nil && n == len(sum) && bytes.Equal(text, bytes.ToLower(text))
}
