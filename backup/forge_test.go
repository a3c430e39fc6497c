package backup_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
)

// Everybody can encrypt to the public recipient of the content: a part that
// somebody has made anew, with files of the same names, sizes and CRC32C, is found
// by its SHA-256 in the signed record.
func TestForgedPart(t *testing.T) {
	repo := newRepository(t)
	var content files
	content.file("salaries", 0o600, bytes.Repeat([]byte("10000 "), 20))
	made, err := repo.writer(t).Backup(t.Context(), &content)
	require.NoError(t, err)
	o := object(made, backup.ObjectPart)
	forged := sameCRC(t, content.content["salaries"])

	var packed bytes.Buffer
	archive := tar.NewWriter(&packed)
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "salaries", Mode: 0o600, Size: int64(len(forged)), Format: tar.FormatPAX}))
	_, err = archive.Write(forged)
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(repo.dir, "epochs/1.json"))
	require.NoError(t, err)
	var public struct{ Content string }
	require.NoError(t, json.Unmarshal(raw, &public))
	to, err := age.ParseX25519Recipient(public.Content)
	require.NoError(t, err)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	require.NoError(t, err)
	_, err = w.Write(enc.EncodeAll(packed.Bytes(), nil))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(filepath.Join(repo.dir, o.Name), sealed.Bytes(), 0o600))

	restoreFails(t, repo.reader(t), made.ID, backup.ErrDamaged)
	_, err = repo.reader(t).Verify(t.Context(), made.ID, &backup.VerifyOptions{Deep: true})
	require.ErrorIs(t, err, backup.ErrDamaged)
	require.ErrorContains(t, err, "SHA-256")
}

// sameCRC returns other content of the same CRC32C: the checksum is linear, and
// its polynomial has the checksum zero.
func sameCRC(t *testing.T, content []byte) []byte {
	t.Helper()
	forged := bytes.Clone(content)
	const polynomial = uint64(1)<<32 | 0x1EDC6F41
	for i := range 33 { // the highest power first, in the lowest bit
		if polynomial>>(32-i)&1 == 1 {
			forged[10+i/8] ^= 1 << (i % 8)
		}
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	require.Equal(t, crc32.Checksum(content, table), crc32.Checksum(forged, table))
	require.NotEqual(t, content, forged)
	return forged
}
