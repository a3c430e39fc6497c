package backup_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/internal/sshsig"
	"github.com/masaruk/devops/secrets"
)

// thief has the key of a Writer or a Keeper, and may write the whole store.
type thief struct {
	dir     string
	id      *age.X25519Identity
	signing ed25519.PrivateKey
}

func newThief(t *testing.T, repo *repository, key secrets.Value) *thief {
	t.Helper()
	_, text, ok := strings.Cut(key.Reveal(), "\n")
	require.True(t, ok)
	var k struct {
		Metadata string
		Signing  []byte
	}
	require.NoError(t, json.Unmarshal([]byte(text), &k))
	id, err := age.ParseX25519Identity(k.Metadata)
	require.NoError(t, err)
	return &thief{repo.dir, id, ed25519.NewKeyFromSeed(k.Signing)}
}

// read decrypts an object, if it can.
func (f *thief) read(name string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(raw), f.id)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// put writes over an object.
func (f *thief) put(t *testing.T, name string, content []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(f.dir, name)), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, name), content, 0o600))
}

// sign puts a record that the stolen key has signed.
func (f *thief) sign(t *testing.T, name, kind string, body any) {
	t.Helper()
	line, err := json.Marshal(body)
	require.NoError(t, err)
	line = append(line, '\n')
	var b bytes.Buffer
	w, err := age.Encrypt(&b, f.id.Recipient())
	require.NoError(t, err)
	_, err = w.Write(append(line, sshsig.Sign(f.signing, "devops-backup-"+kind, line)...))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	f.put(t, name, b.Bytes())
}

func record(id string) string { return "backups/" + id + "/backup.age" }

// list returns all backups, and the errors about each.
func list(t *testing.T, r *backup.Reader) (map[string]*backup.Listing, map[string]error) {
	t.Helper()
	all, errs := map[string]*backup.Listing{}, map[string]error{}
	for l, err := range r.List(t.Context()) {
		require.NotNil(t, l, "%v", err)
		all[l.ID], errs[l.ID] = l, err
	}
	return all, errs
}

// verified makes a repository with one backup that was verified.
func verified(t *testing.T) (*repository, *backup.Backup) {
	t.Helper()
	repo := newRepository(t)
	made, err := repo.writer(t).Backup(t.Context(), some(t, 1<<20))
	require.NoError(t, err)
	_, err = repo.reader(t).Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
	require.NoError(t, err)
	return repo, made
}

// object returns one of the role.
func object(b *backup.Backup, role backup.ObjectRole) backup.StoredObject {
	for _, o := range b.Objects {
		if o.Role == role {
			return o
		}
	}
	return backup.StoredObject{}
}

func restoreFails(t *testing.T, r *backup.Reader, id string, want error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "restored")
	_, err := r.Restore(t.Context(), id, dir, nil)
	require.ErrorIs(t, err, want)
	if _, err := os.Stat(dir); err == nil {
		require.FileExists(t, filepath.Join(dir, "devops-restore-incomplete.json"))
	}
}

// With the key of a Writer or a Keeper nobody reads content or the identities
// of the repository. Names and records are read.
func TestThiefReadsNoContent(t *testing.T) {
	repo, made := verified(t)
	for _, key := range []secrets.Value{repo.keys.Writer, repo.keys.Keeper} {
		f := newThief(t, repo, key)
		keys, err := filepath.Glob(filepath.Join(repo.dir, "keys", "*"))
		require.NoError(t, err)
		require.Len(t, keys, 1)
		for _, name := range []string{object(made, backup.ObjectPart).Name, "keys/" + filepath.Base(keys[0])} {
			_, err = f.read(name)
			var none *age.NoIdentityMatchError
			require.ErrorAs(t, err, &none)
		}
		for _, name := range []string{object(made, backup.ObjectIndex).Name, record(made.ID)} {
			_, err = f.read(name)
			require.NoError(t, err)
		}
		_, err = backup.OpenReader(t.Context(), repo.store, secrets.New(f.id.String()), nil)
		require.ErrorIs(t, err, backup.ErrKey)
	}
	_, err := backup.OpenKeeper(t.Context(), repo.store, repo.keys.Writer, nil)
	require.ErrorIs(t, err, backup.ErrKey)
}

// A new backup of a thieving Writer is taken for one that nobody has verified.
func TestThiefMakesNewBackups(t *testing.T) {
	repo, _ := verified(t)
	f := newThief(t, repo, repo.keys.Writer)
	forged, err := repo.writer(t).Backup(t.Context(), some(t, 1000))
	require.NoError(t, err)
	l, errs := list(t, repo.reader(t))
	require.NoError(t, errs[forged.ID])
	require.True(t, l[forged.ID].Restorable())
	require.Empty(t, l[forged.ID].Verified)
	// It cannot say that somebody has, nor copy what was said of another.
	said := backup.Verification{Backup: forged.ID, Time: time.Now(), Deep: true}
	f.sign(t, "backups/"+forged.ID+"/verified-20260101T000000Z-aaaaaaaa.age", "verified", said)
	l, errs = list(t, repo.reader(t))
	require.ErrorIs(t, errs[forged.ID], backup.ErrDamaged)
	require.Empty(t, l[forged.ID].Verified)
}

func TestVerificationIsOfOneBackup(t *testing.T) {
	repo, made := verified(t)
	other, err := repo.writer(t).Backup(t.Context(), some(t, 1000))
	require.NoError(t, err)
	statements, err := filepath.Glob(filepath.Join(repo.dir, "backups", made.ID, "verified-*"))
	require.NoError(t, err)
	require.Len(t, statements, 1)
	raw, err := os.ReadFile(statements[0])
	require.NoError(t, err)
	newThief(t, repo, repo.keys.Writer).put(t, "backups/"+other.ID+"/"+filepath.Base(statements[0]), raw)
	l, _ := list(t, repo.reader(t))
	require.Empty(t, l[other.ID].Verified)
}

// Whatever a thieving Writer changes of an old backup that was verified is
// found, also when the new record has a good signature.
func TestThiefChangesOldBackup(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, f *thief, b *backup.Backup, o *backup.StoredObject){
		"object and record": func(t *testing.T, f *thief, b *backup.Backup, o *backup.StoredObject) {
			raw, err := os.ReadFile(filepath.Join(f.dir, o.Name))
			require.NoError(t, err)
			raw = append(raw, 0)
			sum := sha256.Sum256(raw)
			f.put(t, o.Name, raw)
			o.Size, o.SHA256 = int64(len(raw)), hex.EncodeToString(sum[:])
			f.sign(t, record(b.ID), "backup", b)
		},
		"record": func(t *testing.T, f *thief, b *backup.Backup, _ *backup.StoredObject) {
			b.Host = "elsewhere"
			f.sign(t, record(b.ID), "backup", b)
		},
		"record without signature": func(t *testing.T, f *thief, b *backup.Backup, _ *backup.StoredObject) {
			f.sign(t, record(b.ID), "void", b)
		},
		"record of another": func(t *testing.T, f *thief, b *backup.Backup, _ *backup.StoredObject) {
			was := b.ID
			b.ID = "20260101T000000Z-aaaaaaaa"
			f.sign(t, record(was), "backup", b)
			b.ID = was
		},
		"object": func(t *testing.T, f *thief, _ *backup.Backup, o *backup.StoredObject) {
			raw, err := os.ReadFile(filepath.Join(f.dir, o.Name))
			require.NoError(t, err)
			raw[len(raw)/2]++
			f.put(t, o.Name, raw)
		},
	} {
		for _, role := range []backup.ObjectRole{backup.ObjectPart, backup.ObjectIndex} {
			t.Run(what+" "+string(role), func(t *testing.T) {
				repo, made := verified(t)
				changed := *made
				for i := range changed.Objects {
					if changed.Objects[i].Role == role {
						change(t, newThief(t, repo, repo.keys.Writer), &changed, &changed.Objects[i])
					}
				}
				r := repo.reader(t)
				restoreFails(t, r, made.ID, backup.ErrDamaged)
				restoreFails(t, r, "", backup.ErrDamaged)
				_, err := r.Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
				require.ErrorIs(t, err, backup.ErrDamaged)
				_, err = r.Scrub(t.Context(), 1)
				require.ErrorIs(t, err, backup.ErrDamaged)
				if l, errs := list(t, r); what != "object" {
					require.ErrorIs(t, errs[made.ID], backup.ErrDamaged)
					require.False(t, l[made.ID].Restorable())
				}
			})
		}
	}
}

// What is not found is what the documentation says.
func TestThiefIsNotFound(t *testing.T) {
	repo, made := verified(t)
	f := newThief(t, repo, repo.keys.Writer)
	statements, err := filepath.Glob(filepath.Join(repo.dir, "backups", made.ID, "verified-*"))
	require.NoError(t, err)
	require.Len(t, statements, 1)
	statement, err := os.ReadFile(statements[0])
	require.NoError(t, err)

	// Exchanged, with the removal of its verifications.
	changed := *made
	changed.Host = "elsewhere"
	require.NoError(t, os.Remove(statements[0]))
	f.sign(t, record(made.ID), "backup", changed)
	l, errs := list(t, repo.reader(t))
	require.NoError(t, errs[made.ID])
	require.Empty(t, l[made.ID].Verified)
	require.NoError(t, os.WriteFile(statements[0], statement, 0o600))
	_, errs = list(t, repo.reader(t))
	require.ErrorIs(t, errs[made.ID], backup.ErrDamaged)
	require.NoError(t, os.Remove(statements[0]))

	// Called worthless.
	f.sign(t, "backups/"+made.ID+"/void.age", "void", map[string]any{"backup": made.ID, "reason": "a lie"})
	l, errs = list(t, repo.reader(t))
	require.NoError(t, errs[made.ID])
	require.Equal(t, "a lie", l[made.ID].Void)
	restoreFailsWith(t, repo.reader(t), made.ID, "worthless")
	_, err = repo.reader(t).Restore(t.Context(), made.ID, filepath.Join(t.TempDir(), "new"), &backup.RestoreOptions{Void: true})
	require.NoError(t, err)

	// Deleted as a whole.
	require.NoError(t, os.RemoveAll(filepath.Join(repo.dir, "backups", made.ID)))
	l, _ = list(t, repo.reader(t))
	require.Empty(t, l)
	_, err = repo.reader(t).Last(t.Context())
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func restoreFailsWith(t *testing.T, r *backup.Reader, id, text string) {
	t.Helper()
	_, err := r.Restore(t.Context(), id, filepath.Join(t.TempDir(), "new"), nil)
	require.ErrorContains(t, err, text)
}

// doc.go and FORMAT.md say in the same words what is not found.
func TestNotFoundInTheSameWords(t *testing.T) {
	words := func(file string) string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		plain := regexp.MustCompile(`(?m)^//`).ReplaceAllString(string(text), "")
		plain = strings.Join(strings.Fields(plain), " ")
		_, after, ok := strings.Cut(plain, "# What is not found")
		require.True(t, ok, file)
		said, _, ok := strings.Cut(after, "#")
		require.True(t, ok, file)
		return strings.Trim(said, " #")
	}
	require.Equal(t, words("doc.go"), words("FORMAT.md"))
	require.Greater(t, len(words("doc.go")), 400)
}

// A thieving store without a key forges nothing.
func TestStoreWithoutKey(t *testing.T) {
	repo, made := verified(t)
	stranger := newRepository(t)
	f := newThief(t, stranger, stranger.keys.Writer)
	f.dir = repo.dir
	whole, err := os.ReadFile(filepath.Join(repo.dir, record(made.ID)))
	require.NoError(t, err)
	for what, do := range map[string]func(){
		"record of another key": func() { f.sign(t, record(made.ID), "backup", made) },
		"garbage":               func() { f.put(t, record(made.ID), []byte("garbage")) },
		"nothing":               func() { f.put(t, record(made.ID), nil) },
		"age for the right recipient, no signature": func() {
			id := newThief(t, repo, repo.keys.Writer).id
			var b bytes.Buffer
			w, err := age.Encrypt(&b, id.Recipient())
			require.NoError(t, err)
			line, err := json.Marshal(made)
			require.NoError(t, err)
			_, err = w.Write(append(line, '\n'))
			require.NoError(t, err)
			require.NoError(t, w.Close())
			f.put(t, record(made.ID), b.Bytes())
		},
	} {
		do()
		_, errs := list(t, repo.reader(t))
		require.Error(t, errs[made.ID], what)
		_, err := repo.reader(t).Restore(t.Context(), made.ID, filepath.Join(t.TempDir(), "new"), nil)
		require.Error(t, err, what)
		_, err = repo.reader(t).Last(t.Context())
		require.Error(t, err, what)
		keeper, err := backup.OpenKeeper(t.Context(), repo.store, repo.keys.Keeper, &backup.KeeperOptions{Grace: 1})
		require.NoError(t, err)
		_, err = keeper.Delete(t.Context())
		require.Error(t, err, what)
		f.put(t, record(made.ID), whole)
	}
	// A statement of others that cannot be read hinders no restore.
	f.put(t, "backups/"+made.ID+"/verified-20260101T000000Z-aaaaaaaa.age", []byte("garbage"))
	_, errs := list(t, repo.reader(t))
	require.ErrorIs(t, errs[made.ID], backup.ErrDamaged)
	_, err = repo.reader(t).Restore(t.Context(), "", filepath.Join(t.TempDir(), "new"), nil)
	require.NoError(t, err)
}

// A thieving Keeper reads nothing and forges nothing; it deletes.
func TestThievingKeeper(t *testing.T) {
	repo, made := verified(t)
	f := newThief(t, repo, repo.keys.Keeper)
	changed := *made
	changed.Host = "elsewhere"
	whole, err := os.ReadFile(filepath.Join(repo.dir, record(made.ID)))
	require.NoError(t, err)
	f.sign(t, record(made.ID), "backup", changed)
	restoreFails(t, repo.reader(t), made.ID, backup.ErrDamaged)
	f.put(t, record(made.ID), whole)
	f.sign(t, "backups/"+made.ID+"/void.age", "void", map[string]any{"backup": made.ID, "reason": "a lie"})
	restoreFails(t, repo.reader(t), made.ID, backup.ErrDamaged)
	require.NoError(t, os.Remove(filepath.Join(repo.dir, "backups", made.ID, "void.age")))
	f.sign(t, "backups/"+made.ID+"/tombstone.age", "tombstone", backup.Tombstone{Backup: made.ID, Time: time.Unix(1, 0)})
	l, errs := list(t, repo.reader(t))
	require.NoError(t, errs[made.ID])
	require.NotNil(t, l[made.ID].Tombstone)
	require.False(t, l[made.ID].Restorable())
	_, err = repo.reader(t).Restore(t.Context(), made.ID, filepath.Join(t.TempDir(), "new"), nil)
	require.NoError(t, err, "by its ID, while it is there")
}

// A whole repository in the place of another, for the same operators, is found
// by its fingerprint, and only by it.
func TestExchangedRepository(t *testing.T) {
	repo, made := verified(t)
	id, err := age.ParseIdentities(strings.NewReader(repo.identity.Reveal()))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(repo.dir))
	other, err := backup.Init(t.Context(), repo.store, backup.InitOptions{Operators: []string{id[0].(*age.X25519Identity).Recipient().String()}})
	require.NoError(t, err)
	r, err := backup.OpenReader(t.Context(), repo.store, repo.identity, nil)
	require.NoError(t, err, "without a fingerprint it is taken for the true one")
	require.Equal(t, other.Fingerprint, r.Fingerprint())
	_, err = r.Verify(t.Context(), made.ID, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = backup.OpenReader(t.Context(), repo.store, repo.identity, &backup.ReaderOptions{Fingerprint: repo.keys.Fingerprint})
	require.ErrorIs(t, err, backup.ErrKey)
	_, err = backup.OpenWriter(t.Context(), repo.store, repo.keys.Writer, nil)
	require.ErrorIs(t, err, backup.ErrKey)
	_, err = backup.OpenKeeper(t.Context(), repo.store, repo.keys.Keeper, nil)
	require.ErrorIs(t, err, backup.ErrKey)
}

// A description that was changed is found without a fingerprint: the sealed
// identities name the true one.
func TestChangedDescription(t *testing.T) {
	repo, _ := verified(t)
	name := filepath.Join(repo.dir, "epochs/1.json")
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	var e map[string]any
	require.NoError(t, json.Unmarshal(raw, &e))
	e["signers"].(map[string]any)["writer"] = sshsig.MarshalPublic(key.Public().(ed25519.PublicKey))
	raw, err = json.Marshal(e)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, raw, 0o600))
	keys, err := filepath.Glob(filepath.Join(repo.dir, "keys", "*"))
	require.NoError(t, err)
	sum := sha256.Sum256(raw)
	require.NoError(t, os.Rename(keys[0], filepath.Join(repo.dir, "keys", hex.EncodeToString(sum[:8])+".1.age")))
	_, err = backup.OpenReader(t.Context(), repo.store, repo.identity, nil)
	require.ErrorIs(t, err, backup.ErrDamaged)
}
