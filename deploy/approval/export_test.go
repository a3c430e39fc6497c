package approval

import (
	"crypto/ed25519"
	"time"
)

// VoteFileAt is [VoteFile] by a clock that says something else.
func VoteFileAt(r Request, b Ballot, key ed25519.PrivateKey, at time.Time) ([]byte, error) {
	v := newVote(r, b, "file")
	v.Time = at
	raw, err := encode(v)
	return armour(voteMark, append(ed25519.Sign(key, signed(recVoted, raw)), raw...)), err
}

// Seated is the matching, for comparison with one that tries everything.
func Seated(p Policy, who []Identity) [][]int { return p.seated(who) }

// Unarmour is the parser of vote files.
func Unarmour(text []byte) ([]byte, error) { return unarmour(voteMark, text) }

// StyleText is what the policy of the page must allow.
const StyleText = styleText
