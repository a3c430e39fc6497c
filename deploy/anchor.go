package deploy

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/masaruk/devops/internal/hashlog"
)

// Anchor keeps the newest head of each stream out of reach of those who can
// write the log: another account, another bucket, another machine. With one,
// a Runner finds by itself that records were cut off the end of the log.
//
// The Runner asks for the last head before it reads the log to act on it, and
// hands over a new one when it returns, from its own goroutine. Implementations are safe for
// concurrent use.
type Anchor interface {
	// Last returns the head that was kept last, "" when none was.
	Last(ctx context.Context, stream string) (head string, err error)
	// Keep makes the head the last one, durably. A later call may bring an
	// older head, from a controller that was slow; it is for the Anchor to
	// keep whichever came last.
	Keep(ctx context.Context, stream, head string) error
}

// ErrAnchor reports that the head of the log could not be kept. What the run
// came to is not changed by it.
var ErrAnchor = errors.New("the head of the log was not kept elsewhere")

// SigningKey signs the heads of the log, as signed notes
// (https://c2sp.org/signed-note): whoever has the public key can tell that the
// head was made by the owner of the private one.
type SigningKey struct {
	// Name stands in the notes: of the company or the program, without space
	// and "+".
	Name string
	Key  ed25519.PrivateKey
}

// VerifyingKey belongs to a [SigningKey].
type VerifyingKey struct {
	Name string
	Key  ed25519.PublicKey
}

// head is the head of the journal as text: a signed note where there is a key.
func (r *Runner) head(j *journal) string {
	if r.signer == nil {
		return j.chain.Head().String()
	}
	return r.signer.Sign(j.stream, j.chain.Head())
}

// openAnchored opens the journal and compares it with the last head that was
// kept. It asks for the head first: what another controller appends and keeps
// meanwhile would else look like records that were cut off.
func (r *Runner) openAnchored(ctx context.Context, stream string) (*journal, error) {
	var last string
	if r.opts.Anchor != nil {
		var err error
		if last, err = r.opts.Anchor.Last(ctx, stream); err != nil {
			return nil, &LogError{stream, 0, "ask the anchor for the last head", err}
		}
	}
	j, err := openJournal(ctx, r.log, stream, newController())
	if err != nil || last == "" {
		return j, err
	}
	var trusted []VerifyingKey
	if r.signer != nil {
		trusted = []VerifyingKey{{r.opts.Signer.Name, r.opts.Signer.Key.Public().(ed25519.PublicKey)}}
	}
	return j, j.follows(last, trusted)
}

// follows checks that the journal goes on from a head that was kept. With
// trusted keys only a signed head counts.
func (j *journal) follows(head string, trusted []VerifyingKey) error {
	anchor, err := readHead(j.stream, head, trusted)
	if err != nil {
		return &LogError{j.stream, 0, "read the head of", err}
	}
	if err := j.chain.CheckAnchor(anchor); err != nil {
		if errors.Is(err, hashlog.ErrPruned) {
			err = fmt.Errorf("%w: %w", ErrPruned, err)
		}
		return &LogError{j.stream, anchor.Seq, "verify against the head of", err}
	}
	return nil
}

func readHead(stream, head string, trusted []VerifyingKey) (hashlog.Head, error) {
	var h hashlog.Head
	if len(trusted) == 0 && strings.Contains(head, "\n") {
		return h, errors.New("it is signed; give the keys that may have signed it")
	}
	if len(trusted) == 0 {
		return h, h.UnmarshalText([]byte(head))
	}
	var errs []error
	for _, k := range trusted {
		v, err := hashlog.NewVerifier(k.Name, k.Key)
		if err == nil {
			h, err = v.Open(stream, head)
		}
		if err == nil {
			return h, nil
		}
		errs = append(errs, err)
	}
	return h, errors.Join(errs...)
}

// keep hands the head over. It is done also where the run was cancelled.
func (r *Runner) keep(ctx context.Context, j *journal, head string) error {
	if r.opts.Anchor == nil {
		return nil
	}
	if err := r.opts.Anchor.Keep(context.WithoutCancel(ctx), j.stream, head); err != nil {
		return fmt.Errorf("run log %s: %w: %w; put the anchor right and call Run again, which keeps it", j.stream, ErrAnchor, err)
	}
	return nil
}
