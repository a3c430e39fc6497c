package pgbackup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
)

// said encodes what a server says.
func said(messages ...pgproto3.BackendMessage) (raw []byte) {
	for _, m := range messages {
		raw, _ = m.Encode(raw) // none of these is too long
	}
	return raw
}

func row(values ...string) pgproto3.BackendMessage {
	d := &pgproto3.DataRow{}
	for _, v := range values {
		d.Values = append(d.Values, []byte(v))
	}
	return d
}

func data(kind byte, content string) pgproto3.BackendMessage {
	return &pgproto3.CopyData{Data: append([]byte{kind}, content...)}
}

const selected = "SELECT"

func complete(tag string) pgproto3.BackendMessage {
	return &pgproto3.CommandComplete{CommandTag: []byte(tag)}
}

// testSegment is the size of a segment, which keeps what is fuzzed small.
const testSegment = 2 * walPage

// segment is the content of the only one, empty but for a header.
func segment(pages int) string {
	raw := make([]byte, pages*walPage)
	for i := range pages {
		binary.LittleEndian.PutUint16(raw[i*walPage:], 0xd113)
		binary.LittleEndian.PutUint64(raw[i*walPage+8:], uint64(testSegment+i*walPage))
	}
	return string(raw)
}

// archive is a tar archive.
func archive(files ...string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		_ = w.WriteHeader(&tar.Header{Name: files[i], Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(files[i+1]))})
		_, _ = io.WriteString(w, files[i+1])
	}
	_ = w.Close()
	return b.String()
}

// listing is a manifest of the files.
func listing(version int, files ...string) string {
	type file struct {
		Path      string
		Size      int
		Algorithm string `json:"Checksum-Algorithm"`
		Checksum  string
	}
	var all []file
	for i := 0; i < len(files); i += 2 {
		sum := crc32.Checksum([]byte(files[i+1]), crc32.MakeTable(crc32.Castagnoli))
		all = append(all, file{files[i], len(files[i+1]), "CRC32C", swapped(fmt.Sprintf("%08x", sum))})
	}
	raw, _ := json.Marshal(all)
	text := fmt.Sprintf("{\"PostgreSQL-Backup-Manifest-Version\": %d,\n\"System-Identifier\": 7,\n\"Files\": %s,\n"+
		"\"WAL-Ranges\": [{\"Timeline\": 1, \"Start-LSN\": \"0/4028\", \"End-LSN\": \"0/4100\"}],\n", version, raw)
	sum := sha256.Sum256([]byte(text))
	return text + `"Manifest-Checksum": "` + hex.EncodeToString(sum[:]) + "\"}\n"
}

// otherSystem is the manifest of another cluster.
func otherSystem(list string) string {
	text, _, _ := strings.Cut(strings.Replace(list, `Identifier": 7`, `Identifier": 8`, 1), `"Manifest-Checksum"`)
	sum := sha256.Sum256([]byte(text))
	return text + `"Manifest-Checksum": "` + hex.EncodeToString(sum[:]) + "\"}\n"
}

// answer is a whole answer to BASE_BACKUP.
func answer(before, base, list string) []byte {
	return said(
		row("0/4028", "1"), complete(selected), row("", "", "20"), complete(selected),
		&pgproto3.CopyOutResponse{}, data('n', "base.tar\x00\x00"), data('d', before+base), data('p', "\x00\x00\x00\x00\x00\x00\x10\x00"),
		&pgproto3.NoticeResponse{Severity: "WARNING", Message: "a warning"},
		data('m', ""), data('d', list), &pgproto3.CopyDone{},
		row("0/4100", "1"), complete(selected), complete("BASE_BACKUP"), &pgproto3.ReadyForQuery{TxStatus: 'I'},
	)
}

// whole is an answer that is in order, and its parts.
func whole() (raw []byte, base, list string) {
	label := []string{"backup_label", "a label", "global/pg_control", "control"}
	base = archive(append(label, "pg_wal/000000010000000000000001", segment(2))...)
	list = listing(2, label...)
	return answer("", base, list), base, list
}

// spoken is a producer of what a server has said.
type spoken struct{ raw []byte }

func (spoken) Kind() string { return Kind }

func (s spoken) Produce(ctx context.Context, session *backup.Session) (any, error) {
	b, err := startBackup(ctx, pgproto3.NewFrontend(bytes.NewReader(s.raw), io.Discard), "")
	if err != nil {
		return nil, err
	}
	t := &transfer{
		Session: session, backup: b, facts: &facts{system: "7", segment: testSegment, version: 150000},
		got: map[string]received{}, wal: map[string]bool{}, scan: newWALScan(b.start),
	}
	if err := t.run(); err != nil {
		return nil, err
	}
	return t.details(), t.corrupt
}

// memory is a store that forgets all but records, which are small.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	sizes   map[string]int64
}

func (m *memory) Put(_ context.Context, name string, body io.Reader) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sizes[name] = int64(len(raw))
	if !strings.HasPrefix(name, "data/") {
		m.objects[name] = raw
	}
	return nil
}

func (m *memory) Get(_ context.Context, name string, _, _ int64) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, ok := m.objects[name]
	if !ok {
		return nil, &backup.StoreError{Op: "get", Name: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[backup.Object, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []backup.Object
	for _, name := range slices.Sorted(maps.Keys(m.sizes)) {
		if strings.HasPrefix(name, prefix) {
			all = append(all, backup.Object{Name: name, Size: m.sizes[name]})
		}
	}
	return func(yield func(backup.Object, error) bool) {
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (m *memory) Delete(context.Context, string) error { return errors.ErrUnsupported }

func writer(t testing.TB) *backup.Writer {
	t.Helper()
	store := &memory{objects: map[string][]byte{}, sizes: map[string]int64{}}
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	keys, err := backup.Init(t.Context(), store, backup.InitOptions{Operators: []string{id.Recipient().String()}})
	require.NoError(t, err)
	w, err := backup.OpenWriter(t.Context(), store, keys.Writer, &backup.WriterOptions{Workers: 1})
	require.NoError(t, err)
	return w
}

// What a server says out of order, or of what did not arrive, is no backup.
func TestStream(t *testing.T) {
	w := writer(t)
	raw, base, list := whole()
	made, err := w.Backup(t.Context(), spoken{raw})
	require.NoError(t, err)
	var d Details
	require.NoError(t, json.Unmarshal(made.Details, &d))
	require.Equal(t, []string{"WARNING: a warning"}, d.Warnings)
	require.EqualValues(t, 7, made.Files, "the manifest and the configuration too")

	label := []string{"backup_label", "a label", "global/pg_control", "control"}
	link := func(name string) string {
		var b bytes.Buffer
		tw := tar.NewWriter(&b)
		_ = tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: "/etc"})
		_ = tw.Flush()
		return b.String()
	}
	for want, raw := range map[string][]byte{
		"is in the manifest and did not arrive": answer("", archive(label[:2]...), list),
		"arrived and is not in the manifest":    answer("", base, listing(2, label[:2]...)),
		"arrived with 7 bytes":                  answer("", base, listing(2, "backup_label", "longer than that", "global/pg_control", "control")),
		"arrived with the checksum":             answer("", base, listing(2, "backup_label", "a lable", "global/pg_control", "control")),
		"its checksum does not match":           answer("", base, list[:len(list)-9]+"00000\"}\n"),
		"it has the version 3":                  answer("", base, listing(3, label...)),
		"segment 000000010000000000000001":      answer("", archive(label...), list),
		"the path \"../outside\"":               answer("", archive("../outside", ""), list),
		"the path \"/outside\"":                 answer("", archive("/outside", ""), list),
		"a link at base":                        answer(link("base"), base, list),
		"a link at pg_tblspc/1/2":               answer(link("pg_tblspc/1/2"), base, list),
		"there twice":                           answer("", archive("a", "", "a", ""), list),
		"archive base.tar":                      answer("no tar", "", list),
		"an archive without a name":             said(row("0/1", "1"), complete(selected), row("", "", "1"), complete(selected), &pgproto3.CopyOutResponse{}, data('n', "")),
		"empty data":                            said(row("0/1", "1"), complete(selected), row("", "", "1"), complete(selected), &pgproto3.CopyOutResponse{}, &pgproto3.CopyData{}),
		"data of kind 'x'":                      said(row("0/1", "1"), complete(selected), row("", "", "1"), complete(selected), &pgproto3.CopyOutResponse{}, data('x', "")),
		"archive \"other\"":                     said(row("0/1", "1"), complete(selected), row("", "", "1"), complete(selected), &pgproto3.CopyOutResponse{}, data('n', "other\x00")),
		"no position":                           said(complete(selected)),
		"is not a place":                        said(row("nowhere", "1"), complete(selected)),
		"a tablespace without its size":         said(row("0/1", "1"), complete(selected), row("1"), complete(selected)),
		"in place of the archives":              said(row("0/1", "1"), complete(selected), complete(selected), &pgproto3.CopyDone{}),
		"among the archives":                    said(row("0/1", "1"), complete(selected), complete(selected), &pgproto3.CopyOutResponse{}, &pgproto3.ReadyForQuery{TxStatus: 'I'}),
		"in a result":                           said(&pgproto3.ReadyForQuery{TxStatus: 'I'}),
		"ERROR: no such thing (SQLSTATE 42704)": said(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42704", Message: "no such thing"}),
		"changed its timeline from 1 to 2":      bytes.Replace(raw, said(row("0/4100", "1")), said(row("0/4100", "2")), 1),
		"at the end":                            bytes.Replace(raw, said(complete("BASE_BACKUP")), said(row("x")), 1),
		"something follows the manifest":        bytes.Replace(raw, said(&pgproto3.CopyDone{}), said(data('n', "1.tar\x00")), 1),
		"it is of the cluster 8":                bytes.Replace(raw, []byte(list), []byte(otherSystem(list)), 1),
	} {
		made, err := w.Backup(t.Context(), spoken{raw})
		require.ErrorContains(t, err, want)
		require.Nil(t, made)
	}
	for n := 0; n < len(raw); n += 1 + n/3 { // cut anywhere
		_, err := w.Backup(t.Context(), spoken{raw[:n]})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, n)
	}
	damaged := bytes.Replace(raw, said(complete("BASE_BACKUP")), said(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "XX001", Message: "pages"}), 1)
	_, err = w.Backup(t.Context(), spoken{damaged})
	require.True(t, errors.As(err, new(*backup.CorruptError)), "%v", err)
}

func FuzzStream(f *testing.F) {
	raw, base, _ := whole()
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add(answer("", base[:1024], "{}"))
	f.Add(said(row("0/1", "1"), complete(selected), row("1", "/x", "1"), complete(selected), &pgproto3.CopyOutResponse{}, data('n', "1.tar\x00")))
	w := writer(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		made, err := w.Backup(context.Background(), spoken{raw})
		if err == nil && (made.Files < 4 || len(made.Objects) < 2) {
			t.Fatalf("a backup of %d files", made.Files)
		}
	})
}

func FuzzManifest(f *testing.F) {
	_, _, list := whole()
	f.Add([]byte(list))
	f.Add([]byte(`{"PostgreSQL-Backup-Manifest-Version": 1, "Files": [{"Encoded-Path": "zz"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseManifest(raw)
		if err == nil && len(m.Files) > 0 && m.compare(nil) == nil {
			t.Fatal("files that did not arrive are not missed")
		}
	})
}

func FuzzLSN(f *testing.F) {
	f.Add("0/1A2B3C")
	f.Add("FFFFFFFF/FFFFFFFF")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLSN(text)
		if err != nil {
			return
		}
		if again, err := ParseLSN(l.String()); err != nil || again != l {
			t.Fatalf("%q is %v, and then %v, %v", text, l, again, err)
		}
	})
}

func TestSegmentNames(t *testing.T) {
	for _, c := range []struct {
		timeline uint32
		n        LSN
		size     int64
		name     string
	}{
		{1, 1, 16 << 20, "000000010000000000000001"},
		{10, 255, 16 << 20, "0000000A00000000000000FF"},
		{16, 256, 16 << 20, "000000100000000100000000"},
		{1, 4095, 1 << 20, "000000010000000000000FFF"},
		{1, 4096, 1 << 20, "000000010000000100000000"},
		{1, 5, 1 << 30, "000000010000000100000001"},
	} {
		require.Equal(t, c.name, segmentName(c.timeline, c.n, c.size))
		require.Equal(t, c.n*LSN(c.size), segmentStart(c.name, c.size))
	}
}

// madeRecord writes the record of a tablespace into a page.
func madeRecord(page []byte, off int, place string) int {
	r := make([]byte, walRecord+2+4+len(place)+1)
	binary.LittleEndian.PutUint32(r, uint32(len(r)))
	r[17], r[24], r[25] = walTablespc, 255, byte(4+len(place)+1)
	binary.LittleEndian.PutUint32(r[26:], 9)
	copy(r[30:], place)
	copy(page[off:], r)
	return len(r)
}

// A record is found wherever it lies, also across pages, and in any pieces.
func TestWALScan(t *testing.T) {
	for _, off := range []int{24, 4000, walPage - 64, walPage - 48, walPage - 32, walPage - 8} {
		raw := []byte(segment(3))
		page := make([]byte, 2*walPage)
		n := madeRecord(page, off, "/somewhere/else")
		at := 24
		if off > 24 { // a record before it
			binary.LittleEndian.PutUint32(raw[24:], uint32(off-24))
			at = off
		}
		first := min(n, walPage-at)
		copy(raw[at:], page[off:off+first])
		copy(raw[walPage+24:], page[off+first:off+n])
		binary.LittleEndian.PutUint32(raw[walPage+16:], uint32(n-first))
		for _, piece := range []int{1, 7, walPage, len(raw)} {
			w := newWALScan(testSegment + 24)
			s := w.segment(testSegment)
			for rest := raw; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				_, _ = s.Write(rest[:min(piece, len(rest))])
			}
			require.NoError(t, w.err)
			require.Equal(t, []string{"9 in /somewhere/else"}, w.created, "%d %d", off, piece)
		}
	}
	w := newWALScan(testSegment)
	_, _ = w.segment(2 << 20).Write([]byte(segment(1)))
	require.ErrorIs(t, w.err, errWAL)
	raw := []byte(segment(2)) // a record that goes on, and a page that says otherwise
	binary.LittleEndian.PutUint32(raw[24:], walPage)
	w = newWALScan(testSegment)
	_, _ = w.segment(testSegment).Write(raw)
	require.ErrorIs(t, w.err, errWAL)
	raw = []byte(segment(1)) // the first page of a segment has a longer header
	binary.LittleEndian.PutUint16(raw[2:], walLong)
	madeRecord(raw, 40, "/first")
	w = newWALScan(testSegment)
	_, _ = w.segment(testSegment).Write(raw)
	require.NoError(t, w.err)
	require.Equal(t, []string{"9 in /first"}, w.created)
	w = newWALScan(3 << 20)
	_, _ = w.segment(3 << 20).Write([]byte(segment(1)))
	require.ErrorIs(t, w.err, errWAL)
}

func FuzzWALScan(f *testing.F) {
	f.Add([]byte(segment(2)), 100)
	raw := []byte(segment(2))
	madeRecord(raw, 24, "/x")
	f.Add(raw, walPage)
	f.Fuzz(func(t *testing.T, raw []byte, piece int) {
		w := newWALScan(testSegment)
		s := w.segment(testSegment)
		for len(raw) > 0 {
			n := min(max(piece, 1), len(raw))
			if _, err := s.Write(raw[:n]); err != nil {
				t.Fatal(err)
			}
			raw = raw[n:]
		}
	})
}
