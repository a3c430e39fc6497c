package approval

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"

	"github.com/masaruk/devops/deploy"
)

// recordKind says what a record of the log is about.
type recordKind string

const (
	recOpened recordKind = "opened" // a Request
	recVoted  recordKind = "voted"  // a Vote
	recJoined recordKind = "joined" // a joining
	recClosed recordKind = "closed" // a closing
)

// record is the body of a log record: a statement and a signature of it.
type record struct {
	Kind      recordKind      `json:"kind"`
	Statement json.RawMessage `json:"statement"`
	// Key names the key of the desk that signed; empty is the voter's own.
	Key string `json:"key,omitempty"`
	Sig []byte `json:"sig"`
}

// joining is that others continued the run.
type joining struct {
	Version int       `json:"v"`
	Request string    `json:"request"`
	By      []string  `json:"by"`
	Time    time.Time `json:"time"`
}

// closing is how a request was settled.
type closing struct {
	Version int       `json:"v"`
	Request string    `json:"request"`
	State   State     `json:"state"`
	Time    time.Time `json:"time"`
}

// signed is what a signature covers. The kind is part of it, so that no
// statement can be taken for one of another kind, nor for anything else that
// the key signs.
func signed(kind recordKind, statement []byte) []byte {
	return append([]byte("devops approval v1 "+kind+"\n"), statement...)
}

// sign makes a record of the desk.
func (d *Desk) sign(kind recordKind, v any) (*record, error) {
	raw, err := encode(v)
	if err != nil {
		return nil, err
	}
	if d.holdsSecret(raw) {
		return nil, fmt.Errorf("its text %w", deploy.ErrSecret)
	}
	return &record{Kind: kind, Statement: raw, Key: d.key.Name, Sig: ed25519.Sign(d.key.Key, signed(kind, raw))}, nil
}

// byDesk tells whether a desk whose word counts has signed the record.
func (d *Desk) byDesk(r *record) bool {
	for _, k := range d.desks {
		if k.Name == r.Key && ed25519.Verify(k.Key, signed(r.Kind, r.Statement), r.Sig) {
			return true
		}
	}
	return false
}

// readVote returns the vote of a record if somebody has signed it whose word
// counts: a desk, which has identified the person, or the person.
func (d *Desk) readVote(r *record) (v Vote, err error) {
	if err := json.Unmarshal(r.Statement, &v); err != nil {
		return v, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if r.Key != "" {
		if !d.byDesk(r) {
			return v, ErrSignature
		}
	} else {
		who, ok := d.holder(r, v.By.ID)
		if !ok {
			return v, ErrSignature
		}
		v.By, v.Via = who, "file" // whatever the file says
	}
	if v.Version != version {
		return v, ErrVersion
	}
	return v, nil
}

// holder returns the approver of that ID whose key has signed the record.
func (d *Desk) holder(r *record, id string) (Identity, bool) {
	for _, a := range d.opts.Approvers {
		if samePerson(a.ID, id) && ed25519.Verify(a.Key, signed(r.Kind, r.Statement), r.Sig) {
			return a.Identity, true
		}
	}
	return Identity{}, false
}

// holdsSecret tells whether a JSON text holds a secret that the redactor
// knows, as it stands or in one of its strings.
func (d *Desk) holdsSecret(raw []byte) bool {
	r := d.opts.Redactor
	if string(r.Bytes(raw)) != string(raw) {
		return true
	}
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if s, ok := token.(string); ok && r.String(s) != s {
			return true
		}
	}
}
