package s3store_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/s3store"
	"github.com/masaruk/devops/secrets"
)

// An operator of these tests.
const (
	recipient = "age16x3w0j9rx0gqjr2ag80qydxn27yqx5pp2zp927m4tmmn50pg85yqevyewx"
	identity  = "AGE-SECRET-" + "KEY-1SJNL54W0CP9HVHV27LQ0GHYXT20AZSHWLU2SSSWXCS826U0Q80PQT7VT86"
)

// file is a Producer of one file.
type file []byte

func (f file) Kind() string { return "test" }

func (f file) Produce(_ context.Context, s *backup.Session) (any, error) {
	_, err := s.Add(backup.Entry{Path: "file", Type: backup.EntryFile, Mode: 0o600, Size: int64(len(f)), Modified: time.Unix(1, 0)}, bytes.NewReader(f))
	return nil, err
}

// A whole repository in a bucket, and a service that does not what it should.
func TestBackupUnderFaults(t *testing.T) {
	s := server(t, true)
	p := newProxy(t, s)
	store := newStore(t, client(s, p.through, fast), &s3store.Options{Prefix: "repo/"})
	keys, err := backup.Init(t.Context(), store, backup.InitOptions{Operators: []string{recipient}})
	require.NoError(t, err)
	w, err := backup.OpenWriter(t.Context(), store, keys.Writer, nil)
	require.NoError(t, err)
	r, err := backup.OpenReader(t.Context(), store, secrets.New(identity), nil)
	require.NoError(t, err)
	content := file(random(5<<20 + 1000))
	deep := &backup.VerifyOptions{Deep: true}

	for _, kind := range []string{"put", "complete"} {
		fired := p.arm(kind, always, fails)
		_, err = w.Backup(t.Context(), content)
		require.Error(t, err, kind)
		require.GreaterOrEqual(t, fired(), 3)
		p.disarm()
		_, err = r.Last(t.Context())
		require.ErrorIs(t, err, fs.ErrNotExist, kind)
	}

	fired := p.arm("complete", always, losesAnswer)
	made, err := w.Backup(t.Context(), content)
	require.NoError(t, err)
	require.GreaterOrEqual(t, fired(), 3)
	p.disarm()
	_, err = r.Verify(t.Context(), made.ID, deep)
	require.NoError(t, err)
	fired = p.arm("put", always, losesAnswer)
	made, err = w.Backup(t.Context(), content)
	require.NoError(t, err)
	require.GreaterOrEqual(t, fired(), 3)
	p.disarm()
	_, err = r.Verify(t.Context(), made.ID, deep)
	require.NoError(t, err)

	for name, do := range map[string]func(*proxy, http.ResponseWriter, *http.Request){"flips a bit": flipsAnswer, "swaps": swaps(made)} {
		flipped := 0
		p.arm("get", always, func(p *proxy, w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/data/") {
				p.to.ServeHTTP(w, r)
				return
			}
			flipped++
			do(p, w, r)
		})
		_, err = r.Verify(t.Context(), made.ID, deep)
		require.ErrorIs(t, err, backup.ErrDamaged, name)
		require.Positive(t, flipped, name)
		p.disarm()
	}
	_, err = r.Verify(t.Context(), made.ID, deep)
	require.NoError(t, err, "the service is well again")
}

// swaps answers with another object of the backup.
func swaps(b *backup.Backup) func(*proxy, http.ResponseWriter, *http.Request) {
	return func(p *proxy, w http.ResponseWriter, r *http.Request) {
		for _, o := range b.Objects {
			if !strings.HasSuffix(r.URL.Path, o.Name) {
				answer(w, http.StatusOK, o.Name)
				return
			}
		}
	}
}
