package backup

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/sshsig"
	"github.com/masaruk/devops/secrets"
)

// oneObject is a store that holds one object, under every name.
type oneObject []byte

func (o oneObject) Put(context.Context, string, io.Reader) error { return fs.ErrExist }

func (o oneObject) Get(_ context.Context, _ string, offset, length int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(o)), nil
}

func (o oneObject) List(context.Context, string) iter.Seq2[Object, error] {
	return func(func(Object, error) bool) {}
}

func (o oneObject) Delete(context.Context, string) error { return nil }

func fuzzKeys(f *testing.F) (content *age.X25519Identity, w key) {
	f.Helper()
	content, err := age.GenerateX25519Identity()
	require.NoError(f, err)
	metadata, err := age.GenerateX25519Identity()
	require.NoError(f, err)
	return content, key{Format: 1, Role: RoleWriter, Repository: "r", Fingerprint: "sha256:x", Metadata: metadata.String(), Signing: make([]byte, 32)}
}

// The text of a key is read as it was written, and no error shows any of it.
func FuzzKeyText(f *testing.F) {
	_, k := fuzzKeys(f)
	text := k.text().Reveal()
	f.Add(text)
	f.Add(strings.ReplaceAll(text, "writer", "keeper"))
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseKey(secrets.New(text), RoleWriter)
		if err != nil {
			require.ErrorIs(t, err, ErrKey)
			for word := range strings.FieldsSeq(text) {
				require.False(t, len(word) > 20 && strings.Contains(err.Error(), word), "the error shows %q", word)
			}
			return
		}
		again, err := parseKey(got.text(), RoleWriter)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

// A record is believed only as it was signed.
func FuzzRecord(f *testing.F) {
	_, k := fuzzKeys(f)
	id, err := k.identity()
	require.NoError(f, err)
	e := &epoch{Repository: "r", Metadata: id.Recipient().String(), Signers: map[Role]string{RoleWriter: publicText(k.signing())}}
	b := Backup{Format: 1, Repository: "r", ID: "a", Objects: []StoredObject{{Name: "data/a/b", Role: ObjectPart}}}
	line, err := json.Marshal(b)
	require.NoError(f, err)
	line = append(line, '\n')
	signed := append(bytes.Clone(line), sshsig.Sign(k.signing(), recordBackup.namespace(), line)...)
	f.Add(signed)
	f.Add(line)
	f.Add(append(bytes.Clone(signed), '\n'))
	f.Fuzz(func(t *testing.T, plain []byte) {
		sealed, err := seal(plain, id.Recipient())
		require.NoError(t, err)
		r, err := newRecords(oneObject(sealed), e, id)
		require.NoError(t, err)
		got, err := r.backup(t.Context(), "a")
		if err != nil {
			return
		}
		require.True(t, bytes.HasPrefix(plain, line), "believed what was never signed: %q", plain)
		got.digest = ""
		require.Equal(t, b.Objects, got.Objects)
	})
}

// reading makes a Reader of one object.
func reading(content *age.X25519Identity, sealed []byte) *Reader {
	return &Reader{store: oneObject(sealed), content: content}
}

// What an index lists makes a tree below the target, whatever is in it.
func FuzzIndex(f *testing.F) {
	content, _ := fuzzKeys(f)
	for _, e := range []Entry{
		{Path: "a", Type: EntryFile, Size: 1, CRC32C: "00000000", Object: "data/a/p", Modified: time.Unix(1, 0)},
		{Path: "../a", Type: EntryDir, Object: "data/a/p"},
		{Path: "l", Type: EntryLink, Link: "/etc", Object: "data/a/p"},
	} {
		line, err := json.Marshal(e)
		require.NoError(f, err)
		f.Add(line)
		f.Add(append(append(line, '\n'), line...))
	}
	fr, err := newFramer()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, lines []byte) {
		packed, err := fr.pack(nil, lines)
		require.NoError(t, err)
		sealed, err := seal(packed, content.Recipient())
		require.NoError(t, err)
		o := StoredObject{Name: "data/a/i", Role: ObjectIndex, Size: int64(len(sealed)), SHA256: strings.TrimPrefix(fingerprint(sealed), "sha256:")}
		b := &Backup{Objects: []StoredObject{o, {Name: "data/a/p", Role: ObjectPart}}}
		dec := json.NewDecoder(bytes.NewReader(lines))
		for dec.More() { // as many as it says
			var e Entry
			if dec.Decode(&e) != nil {
				break
			}
			if e.Type == EntryFile {
				b.Files, b.Bytes = b.Files+1, b.Bytes+e.Size
			}
		}
		all, err := reading(content, sealed).index(t.Context(), b)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, e := range all["data/a/p"] {
			require.NoError(t, e.validate())
			require.True(t, path.Clean("/x/"+e.Path) == "/x/"+e.Path && !seen[e.Path], "%q", e.Path)
			seen[e.Path] = true
		}
	})
}

// What was not stored as it is does not come out of a part: neither of age, nor
// of zstd, nor of tar.
func FuzzPart(f *testing.F) {
	content, _ := fuzzKeys(f)
	store := &memory{}
	p, err := newPacker(1)
	require.NoError(f, err)
	s := &Session{
		ctx: context.Background(), store: store, id: "a", packer: p, partSize: defaultPart, paths: newPaths(), stop: func(error) {},
		content: []age.Recipient{content.Recipient()}, meta: []age.Recipient{content.Recipient()}, slots: make(chan struct{}, 1),
		buffer: make([]byte, 1024), backup: &Backup{},
	}
	body := []byte("content of the file")
	e, err := s.Add(Entry{Path: "a", Type: EntryFile, Size: int64(len(body))}, bytes.NewReader(body))
	require.NoError(f, err)
	require.NoError(f, s.finish())
	part := store.of(".tar.zst.age")
	plain, err := age.Decrypt(bytes.NewReader(part), content)
	require.NoError(f, err)
	frames, err := io.ReadAll(plain)
	require.NoError(f, err)
	f.Add(part, false)
	f.Add(frames, true)
	f.Fuzz(func(t *testing.T, raw []byte, sealIt bool) {
		if sealIt {
			raw, err = seal(raw, content.Recipient())
			require.NoError(t, err)
		}
		o := StoredObject{Name: "data/a/p", Size: int64(len(raw)), SHA256: strings.TrimPrefix(fingerprint(raw), "sha256:")}
		r := reading(content, raw)
		var got []byte
		err := r.readPart(t.Context(), o, []Entry{e}, func(_ Entry, from io.Reader) error {
			got, err = io.ReadAll(io.LimitReader(from, 1<<20))
			return err
		})
		if err == nil {
			require.Equal(t, body, got)
		}
		_ = r.read(t.Context(), o, func(*bufio.Reader) error { return nil })
	})
}

// memory is a store of a test.
type memory struct {
	oneObject
	mu      sync.Mutex
	objects map[string][]byte
}

func (m *memory) Put(_ context.Context, name string, body io.Reader) error {
	content, err := io.ReadAll(body)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil && m.objects == nil {
		m.objects = map[string][]byte{}
	}
	if strings.HasSuffix(name, ".tar.zst.age") {
		m.objects[name] = content
	}
	return err
}

func (m *memory) of(suffix string) []byte {
	for name, content := range m.objects {
		if strings.HasSuffix(name, suffix) {
			return content
		}
	}
	panic(fmt.Sprint("nothing ends with ", suffix))
}
