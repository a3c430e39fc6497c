package approval

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// The two files travel as text, in e-mail too: base64 of the standard alphabet
// without padding, in short lines between two lines of words. So no line is
// long enough to be wrapped, and no character is one that quoted-printable, or
// a program that improves what people type, would change.
const (
	requestMark = "DEVOPS APPROVAL REQUEST"
	voteMark    = "DEVOPS APPROVAL VOTE"
	lineLength  = 60
	// maxFile is the size in bytes of the largest text that is read.
	maxFile = 4 << 20
)

// RequestFile returns the request as a text that an [Approver] reads with
// [ReadRequest].
func RequestFile(r Request) ([]byte, error) {
	raw, err := encode(r)
	if err != nil {
		return nil, r.wrap("write a request file", err)
	}
	sum := sha256.Sum256(raw)
	return armour(requestMark, append(sum[:], raw...)), nil
}

// ReadRequest reads a text made by [RequestFile]; what stands before and after
// it, line endings and the ">" of a quotation do not matter. The file is not
// signed: a vote on a request that no gate has made counts for nothing, and
// one that was changed is another request. The error wraps [ErrFile] or
// [ErrVersion].
func ReadRequest(text []byte) (Request, error) {
	var r Request
	data, err := unarmour(requestMark, text)
	if err == nil && len(data) < sha256.Size {
		err = ErrFile
	}
	if err == nil {
		if sum := sha256.Sum256(data[sha256.Size:]); string(sum[:]) != string(data[:sha256.Size]) {
			err = ErrFile
		}
	}
	if err == nil {
		if jsonErr := json.Unmarshal(data[sha256.Size:], &r); jsonErr != nil {
			err = fmt.Errorf("%w: %w", ErrFile, jsonErr)
		}
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return Request{}, fmt.Errorf("approval: read a request file: %w", err)
	}
	return r, nil
}

// VoteFile returns a signed vote as a text that is handed in with
// [Desk.Submit], by anybody. The key is that of an [Approver] with the ID of
// b.By; roles and name are those that the desk knows.
func VoteFile(r Request, b Ballot, key ed25519.PrivateKey) ([]byte, error) {
	b.Comment = strings.TrimSpace(b.Comment)
	b.By = Identity{ID: b.By.ID}
	err := b.validate()
	if err == nil && len(key) != ed25519.PrivateKeySize {
		err = fmt.Errorf("the private key has %d bytes, want %d", len(key), ed25519.PrivateKeySize)
	}
	if err != nil {
		return nil, r.wrap("write a vote file", err)
	}
	raw, err := encode(newVote(r, b, "file"))
	if err != nil {
		return nil, r.wrap("write a vote file", err)
	}
	return armour(voteMark, append(ed25519.Sign(key, signed(recVoted, raw)), raw...)), nil
}

// Submit records the vote of a text made by [VoteFile]. Whoever hands it in
// needs no identity, because the signature has one. Errors are those of
// [Desk.Vote]; besides they wrap [ErrFile], or [ErrSignature] where no
// Approver's key has made the signature.
func (d *Desk) Submit(ctx context.Context, text []byte) (*Status, error) {
	r, err := readVoteFile(text)
	if err != nil {
		return nil, fmt.Errorf("approval: read a vote file: %w", err)
	}
	v, err := d.readVote(r)
	if err == nil && d.holdsSecret(r.Statement) {
		err = fmt.Errorf("its text %w", deploy.ErrSecret)
	}
	if err != nil {
		return nil, fmt.Errorf("approval: read a vote file: %w", err)
	}
	about := Subject{Service: v.Service, Environment: v.Environment}
	return d.record(ctx, about, v, func(Vote) (*record, error) { return r, nil })
}

// readVoteFile returns the record that is in the text, as yet unverified.
func readVoteFile(text []byte) (*record, error) {
	data, err := unarmour(voteMark, text)
	if err != nil {
		return nil, err
	}
	if len(data) < ed25519.SignatureSize || !json.Valid(data[ed25519.SignatureSize:]) {
		return nil, ErrFile
	}
	return &record{Kind: recVoted, Statement: data[ed25519.SignatureSize:], Sig: data[:ed25519.SignatureSize]}, nil
}

func armour(mark string, data []byte) []byte {
	text := base64.RawStdEncoding.EncodeToString(data)
	b := make([]byte, 0, len(text)+len(text)/lineLength+2*len(mark)+16)
	b = append(b, "BEGIN "+mark+"\n"...)
	for len(text) > lineLength {
		b = append(append(b, text[:lineLength]...), '\n')
		text = text[lineLength:]
	}
	b = append(append(b, text...), '\n')
	return append(b, "END "+mark+"\n"...)
}

// unarmour returns what the one block of the kind in a text holds.
func unarmour(mark string, text []byte) ([]byte, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", ErrFile, len(text), maxFile)
	}
	var packed strings.Builder
	blocks, inside := 0, false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimLeft(line, "> \t\ufeff")
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "BEGIN "+mark && !inside:
			blocks, inside = blocks+1, true
		case line == "END "+mark && inside:
			inside = false
		case inside:
			packed.WriteString(line)
		}
	}
	if blocks > 1 {
		return nil, fmt.Errorf("%w: the text holds %d of them, hand them in one by one", ErrFile, blocks)
	}
	if blocks == 0 || inside {
		return nil, ErrFile
	}
	for _, c := range packed.String() {
		if !strings.ContainsRune(alphabet, c) { // the decoder passes over line ends
			return nil, ErrFile
		}
	}
	data, err := base64.RawStdEncoding.Strict().DecodeString(packed.String())
	if err != nil {
		return nil, ErrFile
	}
	return data, nil
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
