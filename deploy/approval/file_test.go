package approval_test

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/approval"
)

func approvers() *approval.Options {
	return &approval.Options{Approvers: []approval.Approver{
		{Identity: ada, Key: public("ada")},
		{Identity: ben, Key: public("ben")},
		{Identity: cleo, Key: public("cleo")},
		{Identity: guest, Key: public("guest")},
		{Identity: cleo, Key: public("cleo's other")},
	}}
}

func voteFile(t *testing.T, r approval.Request, b approval.Ballot, with ed25519.PrivateKey) string {
	t.Helper()
	text, err := approval.VoteFile(r, b, with)
	require.NoError(t, err)
	return string(text)
}

func (co *company) submit(text string) error {
	_, err := co.desk.Submit(co.t.Context(), []byte(text))
	return err
}

func TestAFileTravelsAndCounts(t *testing.T) {
	co := newCompany(t, newMemory(), approvers())
	co.leave("r1")
	sent, err := approval.RequestFile(co.request("r1"))
	require.NoError(t, err)
	r, err := approval.ReadRequest(mangle(t, "reply", string(sent)))
	require.NoError(t, err)
	require.Equal(t, co.request("r1").String(), r.String())
	require.NotNil(t, r.Plan)

	b := approval.Ballot{By: approval.Identity{ID: "Ben <BEN@example.com>", Name: "The Pope", Roles: []string{"qa"}}, Verdict: approval.Approve, Comment: "naïve — ok"}
	require.NoError(t, co.submit(voteFile(t, r, b, key("ben"))))
	require.ErrorIs(t, co.submit(voteFile(t, r, b, key("ben"))), approval.ErrVoted)
	require.NoError(t, co.submit(voteFile(t, r, yes(cleo), key("cleo's other"))))
	e := co.outcome("r1")
	require.NoError(t, e.err)
	p := passed(t, e.rep)
	require.Equal(t, []string{"ben@example.com as ops", "cleo@example.com as qa"}, ids(p), "who and as what is what the desk knows")
	require.Equal(t, "Ben", p.By[0].Name)
	require.Equal(t, "naïve — ok", p.By[0].Comment)
	require.Equal(t, "file", p.By[0].Via)
}

// mangle does to a text what mail does.
func mangle(t *testing.T, how, text string) []byte {
	t.Helper()
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len(line), 61)
	}
	switch how {
	case "reply":
		return []byte("On Monday somebody wrote:\r\n> " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\r\n> ") + "\r\n\r\nDone!\r\n")
	case "indented":
		return []byte("\ufeff  " + strings.ReplaceAll(text, "\n", " \t\n    "))
	case "blank lines":
		return []byte(strings.ReplaceAll(text, "\n", "\n\n"))
	case "rewrapped":
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		body := strings.Join(lines[1:len(lines)-1], "")
		return []byte(lines[0] + "\n" + body[:17] + "\n" + body[17:] + "\n" + lines[len(lines)-1])
	case "quoted-printable":
		var b bytes.Buffer
		w := quotedprintable.NewWriter(&b)
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.Bytes() // as it travels, not decoded
	}
	return []byte(text)
}

func TestAFileOutlivesMail(t *testing.T) {
	for _, how := range []string{"", "reply", "indented", "blank lines", "rewrapped", "quoted-printable"} {
		co := newCompany(t, newMemory(), approvers())
		r := co.leave("r1")
		require.NoError(t, co.submit(string(mangle(t, how, voteFile(t, r, yes(ben), key("ben"))))), how)
	}
}

func TestAFileWithAnyBitFlippedIsRefused(t *testing.T) {
	co := newCompany(t, newMemory(), approvers())
	r := co.leave("r1")
	good := voteFile(t, r, yes(ben), key("ben"))
	for i := range len(good) - 1 { // the last line feed may be missing
		for bit := range 8 {
			bad := []byte(good)
			bad[i] ^= 1 << bit
			if err := co.submit(string(bad)); err == nil {
				require.Failf(t, "taken", "byte %d, bit %d", i, bit)
			}
		}
	}
	require.Empty(t, bodies(t, co.log, co.stream(), "voted"))
	for n := range len(good) - 1 {
		require.Error(t, co.submit(good[:n]), "cut at %d", n)
	}
	require.NoError(t, co.submit(good))

	sent, err := approval.RequestFile(r)
	require.NoError(t, err)
	for i := 0; i < len(sent)-1; i += 7 {
		bad := append([]byte(nil), sent...)
		bad[i] ^= 1
		_, err := approval.ReadRequest(bad)
		require.ErrorIs(t, err, approval.ErrFile, "byte %d", i)
	}
}

func TestAFileThatDoesNotCount(t *testing.T) {
	co := newCompany(t, newMemory(), approvers())
	old := co.leave("r0")
	require.NoError(t, co.vote(old, no(ben, "")))
	require.Error(t, co.outcome("r0").err)
	r := co.leave("r1")
	changed := r
	changed.PlanDigest = "sha256:00"
	bens := voteFile(t, r, yes(ben), key("ben"))
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"key of nobody":      {voteFile(t, r, yes(ben), key("mallory")), approval.ErrSignature},
		"key of another":     {voteFile(t, r, yes(ben), key("cleo")), approval.ErrSignature},
		"key of the desk":    {voteFile(t, r, yes(ben), key("desk")), approval.ErrSignature},
		"nobody known":       {voteFile(t, r, yes(dana), key("dana")), approval.ErrSignature},
		"no seat":            {voteFile(t, r, approval.Ballot{By: approval.Identity{ID: guest.ID, Roles: []string{"ops"}}, Verdict: approval.Approve}, key("guest")), approval.ErrRole},
		"self":               {voteFile(t, r, yes(ada), key("ada")), approval.ErrSelf},
		"stale":              {voteFile(t, old, yes(cleo), key("cleo")), approval.ErrClosed},
		"request of nobody":  {voteFile(t, changed, yes(ben), key("ben")), errNotExist},
		"nothing":            {"", approval.ErrFile},
		"the other file":     {strings.ReplaceAll(bens, "VOTE", "REQUEST"), approval.ErrFile},
		"two":                {bens + bens, approval.ErrFile},
		"too long":           {bens + strings.Repeat("\n", 5<<20), approval.ErrFile},
		"nothing in it":      {"BEGIN DEVOPS APPROVAL VOTE\nEND DEVOPS APPROVAL VOTE\n", approval.ErrFile},
		"one inside another": {"BEGIN DEVOPS APPROVAL VOTE\n" + bens, approval.ErrFile},
	} {
		require.ErrorIs(t, co.submit(c.text), c.want, name)
	}
	require.Len(t, bodies(t, co.log, co.stream(), "voted"), 1, "that of the first run")
	require.ErrorContains(t, co.submit(bens+bens), "holds 2 of them")
	_, err := approval.VoteFile(r, yes(ben), key("ben")[:31])
	require.ErrorContains(t, err, "31 bytes")
	_, err = approval.VoteFile(r, approval.Ballot{By: ben, Verdict: "maybe"}, key("ben"))
	require.ErrorContains(t, err, "maybe")
}

func TestAFileThatComesAtTheDeadlineIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co := newCompany(t, newMemory(), approvers())
		r := co.leave("r1")
		early := voteFile(t, r, yes(ben), key("ben"))
		inTime := voteFile(t, r, yes(cleo), key("cleo"))
		time.Sleep(time.Until(r.Deadline) - 1)
		require.NoError(t, co.submit(inTime))
		time.Sleep(time.Nanosecond)
		require.ErrorIs(t, co.submit(early), approval.ErrExpired, "though it was signed in time")
	})
}

func TestAFileFromAfterTheDeadlineIsRefusedBeforeIt(t *testing.T) {
	co := newCompany(t, newMemory(), approvers())
	r := co.leave("r1")
	text, err := approval.VoteFileAt(r, yes(ben), key("ben"), r.Deadline)
	require.NoError(t, err)
	require.ErrorIs(t, co.submit(string(text)), approval.ErrExpired)
	text, err = approval.VoteFileAt(r, yes(ben), key("ben"), r.Deadline.Add(-1))
	require.NoError(t, err)
	require.NoError(t, co.submit(string(text)))
}

func TestARequestFileOfANewerVersionSaysSo(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	r := co.leave("r1")
	r.Version = 2
	text, err := approval.RequestFile(r)
	require.NoError(t, err)
	_, err = approval.ReadRequest(text)
	require.ErrorIs(t, err, approval.ErrVersion)
	r.Version, r.Plan.Service = 1, "other"
	text, err = approval.RequestFile(r)
	require.NoError(t, err)
	_, err = approval.ReadRequest(text)
	require.ErrorContains(t, err, "the plan in it is not the one that the run has")
}

func FuzzVoteFile(f *testing.F) {
	// At one time, because the processes of the fuzzer make it each for itself.
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	good, err := approval.VoteFileAt(approval.Request{Subject: approval.Subject{Service: "api"}}, yes(ben), key("ben"), at)
	require.NoError(f, err)
	f.Add(good)
	f.Add(mangleSeed(good))
	f.Add([]byte("BEGIN DEVOPS APPROVAL VOTE\nAAAA\nEND DEVOPS APPROVAL VOTE\n"))
	want, err := approval.Unarmour(good)
	require.NoError(f, err)
	var desk *approval.Desk
	f.Fuzz(func(t *testing.T, text []byte) {
		if desk == nil {
			desk = newCompany(t, newMemory(), approvers()).desk
		}
		_, err := desk.Submit(t.Context(), text)
		require.Error(t, err, "no request is open")
		got, armourErr := approval.Unarmour(text)
		if armourErr != nil {
			require.ErrorIs(t, armourErr, approval.ErrFile)
			return
		}
		// Whatever gets past the signature is the one vote that was signed.
		if !bytes.Equal(got, want) {
			require.NotErrorIs(t, err, errNotExist)
		}
		_, _ = approval.ReadRequest(text)
	})
}

func mangleSeed(text []byte) []byte {
	return []byte("> " + strings.ReplaceAll(string(text), "\n", "\r\n> "))
}
