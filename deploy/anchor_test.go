package deploy_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// lastHead is an Anchor in memory.
type lastHead struct {
	heads map[string]string
	err   error
	asked func() // before each answer
}

func (a *lastHead) Last(_ context.Context, stream string) (string, error) {
	if a.asked != nil {
		a.asked()
	}
	return a.heads[stream], a.err
}

func (a *lastHead) Keep(_ context.Context, stream, head string) error {
	if a.err != nil {
		return a.err
	}
	a.heads[stream] = head
	return nil
}

func key(name string, seed byte) *deploy.SigningKey {
	return &deploy.SigningKey{Name: name, Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
}

func public(k *deploy.SigningKey) deploy.VerifyingKey {
	return deploy.VerifyingKey{Name: k.Name, Key: k.Key.Public().(ed25519.PublicKey)}
}

// TestAnAnchorFindsWhatWasCutOff at the next run, whatever was cut off.
func TestAnAnchorFindsWhatWasCutOff(t *testing.T) {
	for _, signer := range []*deploy.SigningKey{nil, key("ops", 1)} {
		var did []string
		log, anchor := newMemLog(), &lastHead{heads: map[string]string{}}
		opts := &deploy.Options{Anchor: anchor, Signer: signer}
		for _, id := range []deploy.RunID{"r1", "r2"} {
			rep, err := newRunner(t, log, opts).Run(t.Context(), id, three(&did))
			require.NoError(t, err)
			require.Equal(t, rep.Head, anchor.heads["dev/api"])
		}
		all := log.streams["dev/api"]
		for n := range all {
			did = nil
			log.streams["dev/api"] = all[:n:n]
			rep, err := newRunner(t, log, opts).Run(t.Context(), "r3", three(&did))
			require.ErrorContains(t, err, "log was truncated", n)
			require.Nil(t, rep)
			require.Empty(t, did)
			err = newRunner(t, log, opts).Decide(t.Context(), three(&did).Ref("r2"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "test"})
			require.Error(t, err)
		}
		log.streams["dev/api"] = all
		_, err := newRunner(t, log, opts).Run(t.Context(), "r3", three(&did))
		require.NoError(t, err)
	}
}

// TestOnlyASignedHeadIsBelieved where the Runner has a key: whoever can write
// the anchor cannot go back to an older log.
func TestOnlyASignedHeadIsBelieved(t *testing.T) {
	var did []string
	log, anchor, mine := newMemLog(), &lastHead{heads: map[string]string{}}, key("ops", 1)
	opts := &deploy.Options{Anchor: anchor, Signer: mine}
	rep, err := newRunner(t, log, opts).Run(t.Context(), "r1", three(&did))
	require.NoError(t, err)
	require.Contains(t, rep.Head, "\n— ops ")
	plain, err := newRunner(t, log, nil).Report(t.Context(), three(&did).Ref("r1"))
	require.NoError(t, err)
	other, err := newRunner(t, log, &deploy.Options{Signer: key("ops", 2)}).Report(t.Context(), three(&did).Ref("r1"))
	require.NoError(t, err)
	for name, head := range map[string]string{
		"unsigned": plain.Head, "another key": other.Head,
		"changed":  strings.Replace(rep.Head, "dev/api\n8\n", "dev/api\n7\n", 1),
		"nonsense": "x",
	} {
		anchor.heads["dev/api"] = head
		_, err = newRunner(t, log, opts).Run(t.Context(), "r2", three(&did))
		require.ErrorContains(t, err, "signature is missing or does not match", name)
	}

	verify := func(head string, keys ...deploy.VerifyingKey) error {
		return newRunner(t, log, nil).Verify(t.Context(), three(&did).Ref("r1"), head, keys...)
	}
	require.NoError(t, verify(rep.Head, public(key("ops", 2)), public(mine)))
	require.ErrorContains(t, verify(rep.Head, public(key("ops", 2))), "signature")
	require.ErrorContains(t, verify(plain.Head, public(mine)), "signature")
	require.ErrorContains(t, verify(rep.Head), "give the keys")
	require.NoError(t, verify(plain.Head))

	_, err = deploy.New(log, &deploy.Options{Signer: &deploy.SigningKey{Name: "ops"}})
	require.ErrorContains(t, err, "field Signer")
}

// TestAnAnchorThatFails stops a run before it acts, and does not change what
// a run came to.
func TestAnAnchorThatFails(t *testing.T) {
	var did []string
	anchor := &lastHead{heads: map[string]string{}, err: errors.New("bucket is gone")}
	log := newMemLog()
	_, err := newRunner(t, log, &deploy.Options{Anchor: anchor}).Run(t.Context(), "r1", three(&did))
	require.ErrorContains(t, err, "bucket is gone")
	require.Empty(t, did)

	anchor.err = nil
	p := three(&did)
	p.Steps[2].Do.(*effect).fn = func(context.Context, *deploy.Call) error { anchor.err = errors.New("bucket is gone"); return nil }
	rep, err := newRunner(t, log, &deploy.Options{Anchor: anchor}).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrAnchor)
	require.ErrorContains(t, err, "bucket is gone")
	require.Equal(t, deploy.Succeeded, rep.Outcome)

	anchor.err = nil
	rep, err = newRunner(t, log, &deploy.Options{Anchor: anchor}).Run(t.Context(), "r1", p)
	require.NoError(t, err, "again keeps it")
	require.Equal(t, rep.Head, anchor.heads["dev/api"])
}

// TestAnAnchorDoesNotChangeWhatARunCameTo, however it ended: the error keeps
// what the caller goes by, and the report is that of the log.
func TestAnAnchorDoesNotChangeWhatARunCameTo(t *testing.T) {
	for want, fail := range map[deploy.Outcome]error{deploy.Undone: errors.New("no"), deploy.Interrupted: nil, deploy.Held: nil} {
		var did []string
		log, gone := newMemLog(), errors.New("bucket is gone")
		anchor := &lastHead{heads: map[string]string{}}
		r := newRunner(t, log, &deploy.Options{Anchor: anchor})
		p := three(&did)
		p.Steps[1].InFlight = deploy.Ask
		ctx, cancel := context.WithCancel(t.Context())
		p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error {
			anchor.err = gone
			if fail == nil {
				cancel()
				return context.Cause(ctx)
			}
			return fail
		}
		rep, err := r.Run(ctx, "r1", p)
		if want == deploy.Held {
			anchor.err = nil
			p.Steps[0].Do.(*effect).fn = fails("it is not repeated")
			log.before = func(string, uint64, []byte) error { anchor.err = gone; return nil }
			rep, err = r.Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, deploy.ErrHeld)
			var held *deploy.HeldError
			require.ErrorAs(t, err, &held)
			require.Equal(t, "b", held.Step)
		}
		cancel()
		require.ErrorIs(t, err, deploy.ErrAnchor)
		require.ErrorIs(t, err, gone)
		require.Equal(t, want, rep.Outcome)
		require.NotContains(t, rep.Reason, "bucket", "it is not why")
		if fail != nil {
			require.ErrorIs(t, err, fail)
			var failed *deploy.StepError
			require.ErrorAs(t, err, &failed)
		}
		logged, err := newRunner(t, log, nil).Report(t.Context(), p.Ref("r1"))
		require.NoError(t, err)
		require.Equal(t, logged.Steps, rep.Steps)
		require.Equal(t, logged.Head, rep.Head)
	}
}

// TestARunThatEndsMeanwhileIsNotTruncation: its head is newer than what was
// read before.
func TestARunThatEndsMeanwhileIsNotTruncation(t *testing.T) {
	var did []string
	log, anchor := newMemLog(), &lastHead{heads: map[string]string{}}
	r := newRunner(t, log, &deploy.Options{Anchor: anchor})
	p := three(&did)
	p.Steps[1].InFlight = deploy.Ask
	ctx, cancel := context.WithCancel(t.Context())
	p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error { cancel(); return context.Cause(ctx) }
	anchor.asked = func() {
		anchor.asked = nil
		_, err := r.Run(ctx, "r1", p)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerDone, By: "test"}))

	anchor.asked = func() {
		anchor.asked = nil
		_, err := r.Run(t.Context(), "r1", p)
		require.NoError(t, err)
	}
	rep, err := r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
}
