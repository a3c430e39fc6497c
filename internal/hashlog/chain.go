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
	base   uint64              // number of the record that hashes[0] is of; 0 is the genesis
	hashes [][sha256.Size]byte // by sequence number, from base on
	sealed Head                // what the last Seal made
	buf    bytes.Buffer        // what the last Seal hashed
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
	return Head{c.base + uint64(last), c.hashes[last]}
}

// Base returns the head that the chain goes on from: the empty chain, or after
// [Chain.OpenPruned] that of the last record which is not there, as the first
// one there states it.
func (c *Chain) Base() Head { return Head{c.base, c.hashes[0]} }

// Has tells whether the chain has exactly this head at its number. It has no
// records before those of [Chain.Base].
func (c *Chain) Has(h Head) bool { return h != Head{} && c.At(h.Seq) == h }

// At returns the head that the chain had when seq was its last record, the
// zero Head where it has no such record.
func (c *Chain) At(seq uint64) Head {
	if seq < c.base || seq-c.base >= uint64(len(c.hashes)) {
		return Head{}
	}
	return Head{seq, c.hashes[seq-c.base]}
}

// Seal makes the record that follows the head, with the JSON form of body, and
// returns the head that the chain has once [Chain.Advance] or [Chain.Open] was
// told of it. It does not advance the chain. The line has no line feed.
func (c *Chain) Seal(body any) (line []byte, next Head, err error) {
	head := c.Head()
	seq := head.Seq + 1
	c.buf.Reset()
	c.buf.Write(preamble(seq, head.Hash))
	begin := c.buf.Len()
	enc := json.NewEncoder(&c.buf)
	enc.SetEscapeHTML(false) // the record is read by people
	if err := enc.Encode(body); err != nil {
		return nil, Head{}, &Error{c.stream, seq, fmt.Errorf("encode body: %w", err)}
	}
	hashed := bytes.TrimSuffix(c.buf.Bytes(), []byte("\n"))
	c.sealed = Head{seq, sha256.Sum256(hashed)}
	return format(c.sealed, head.Hash, hashed[begin:]), c.sealed, nil
}

// Advance goes on after the record that the last [Chain.Seal] made, once it is
// stored: it saves to verify what this chain has just made. Any other head is
// an error.
func (c *Chain) Advance(next Head) error {
	if next != c.sealed || next.Seq != c.Head().Seq+1 {
		return &Error{c.stream, next.Seq, fmt.Errorf("it is not the record that was sealed last, behind record %d", c.Head().Seq)}
	}
	c.hashes = append(c.hashes, next.Hash)
	c.sealed = Head{}
	return nil
}

// Open verifies line as the record that follows the head, advances the chain
// and returns the body, which is a part of line. When it returns an error, an
// [*Error], the chain is where it was.
func (c *Chain) Open(line []byte) (body json.RawMessage, err error) {
	head := c.Head()
	want := head.Seq + 1
	r, err := parse(line)
	if err == nil {
		err = r.sound()
	}
	if err != nil {
		return nil, &Error{c.stream, want, err}
	}
	switch {
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

// OpenPruned is [Chain.Open] for the first line of a stream whose beginning
// may have been removed: the chain then begins with whatever record stands
// there, and takes on trust what it says about the one before. Not even that
// it is of this stream is known until something that the chain holds states a
// head from [Chain.Base] on, and [Chain.Has] it; until then nothing it says
// may be believed.
func (c *Chain) OpenPruned(line []byte) (body json.RawMessage, err error) {
	r, err := parse(line)
	if err != nil || r.seq <= 1 || c.Head().Seq != 0 {
		return c.Open(line)
	}
	if err := r.sound(); err != nil {
		return nil, &Error{c.stream, r.seq, err}
	}
	c.base, c.hashes = r.seq-1, [][sha256.Size]byte{r.prev, r.hash}
	return r.body, nil
}

// CheckAnchor compares a chain that was opened to the end with a head kept
// elsewhere, however old. An error wraps [ErrTruncated] where the chain ends
// before the anchor, [ErrSpliced] where it has another record there, and
// [ErrPruned] where the anchor is older than the records that are there.
func (c *Chain) CheckAnchor(anchor Head) error {
	head := c.Head()
	switch {
	case anchor.Seq > head.Seq:
		return &Error{c.stream, anchor.Seq, fmt.Errorf("%w: it ends at record %d, the anchor is for record %d; %s", ErrTruncated, head.Seq, anchor.Seq, remedy)}
	case anchor.Seq < c.base:
		return &Error{c.stream, anchor.Seq, fmt.Errorf("%w: the anchor is for record %d, the first one there is number %d, so nothing can be compared; use a newer anchor", ErrPruned, anchor.Seq, c.base+1)}
	case !c.Has(anchor):
		return &Error{c.stream, anchor.Seq, fmt.Errorf("%w: the anchor has another hash, so the log was rewritten or the anchor is for another stream; %s", ErrSpliced, remedy)}
	}
	return nil
}

// preamble is what is hashed before the body, by the formula of the package
// comment.
func preamble(seq uint64, prev [sha256.Size]byte) []byte {
	text := append(make([]byte, 0, 128), domain...)
	text = append(strconv.AppendUint(text, seq, 10), '\n')
	return append(hex.AppendEncode(text, prev[:]), '\n')
}

// format is the line of a record.
func format(h Head, prev [sha256.Size]byte, body []byte) []byte {
	line := append(make([]byte, 0, len(body)+256), `{"v":`...)
	line = append(strconv.AppendUint(line, version, 10), `,"seq":`...)
	line = append(strconv.AppendUint(line, h.Seq, 10), `,"prev":"`...)
	line = append(hex.AppendEncode(line, prev[:]), `","hash":"`...)
	line = append(hex.AppendEncode(line, h.Hash[:]), `","body":`...)
	return append(append(line, body...), '}')
}

// record is a parsed line.
type record struct {
	seq        uint64
	prev, hash [sha256.Size]byte
	body       []byte
}

// sound tells whether the record is what its hash says.
func (r *record) sound() error {
	h := sha256.New()
	h.Write(preamble(r.seq, r.prev))
	h.Write(r.body)
	if !bytes.Equal(h.Sum(nil), r.hash[:]) || !json.Valid(r.body) {
		return fmt.Errorf("%w: its content does not match its hash; %s", ErrEdited, remedy)
	}
	return nil
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
