package pgbackup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// manifest is the server's own list of what it has sent.
// https://www.postgresql.org/docs/current/backup-manifest-format.html
type manifest struct {
	Version    int    `json:"PostgreSQL-Backup-Manifest-Version"`
	System     uint64 `json:"System-Identifier"`
	Files      []manifestFile
	WAL        []walRange `json:"WAL-Ranges"`
	FileDigest string     `json:"Manifest-Checksum"`
}

type manifestFile struct {
	Path      string
	Encoded   string `json:"Encoded-Path"`
	Size      int64
	Algorithm string `json:"Checksum-Algorithm"`
	Checksum  string
}

type walRange struct {
	Timeline uint32
	Start    LSN `json:"Start-LSN"`
	End      LSN `json:"End-LSN"`
}

// parseManifest reads a manifest and checks its own checksum.
func parseManifest(raw []byte) (*manifest, error) {
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("backup_manifest: %w", err)
	}
	if m.Version != 1 && m.Version != 2 {
		return nil, fmt.Errorf("backup_manifest: it has the version %d; 1 and 2 are known", m.Version)
	}
	i := bytes.LastIndex(raw, []byte(`"Manifest-Checksum"`))
	if i < 0 {
		return nil, errors.New("backup_manifest: it has no checksum")
	}
	if sum := sha256.Sum256(raw[:i]); hex.EncodeToString(sum[:]) != m.FileDigest {
		return nil, errors.New("backup_manifest: its checksum does not match")
	}
	for i, f := range m.Files {
		if f.Encoded != "" {
			name, err := hex.DecodeString(f.Encoded)
			if err != nil {
				return nil, fmt.Errorf("backup_manifest: %w", err)
			}
			m.Files[i].Path = string(name)
		}
	}
	return &m, nil
}

// received is a file as it arrived.
type received struct {
	size   int64
	crc32c string
}

// compare finds what arrived differently from what was sent. The server sends
// the checksum in the byte order of a little-endian machine.
func (m *manifest) compare(got map[string]received) error {
	var errs []error
	listed := make(map[string]bool, len(m.Files))
	for _, f := range m.Files {
		listed[f.Path] = true
		g, ok := got[f.Path]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s is in the manifest and did not arrive", f.Path))
		case g.size != f.Size:
			errs = append(errs, fmt.Errorf("%s arrived with %d bytes, the manifest says %d", f.Path, g.size, f.Size))
		case f.Algorithm != "CRC32C" || swapped(f.Checksum) != g.crc32c:
			errs = append(errs, fmt.Errorf("%s arrived with the checksum %s, the manifest says %s of %s", f.Path, g.crc32c, f.Algorithm, f.Checksum))
		}
	}
	for name := range got {
		if !listed[name] {
			errs = append(errs, fmt.Errorf("%s arrived and is not in the manifest", name))
		}
	}
	if len(errs) > 10 {
		errs = append(errs[:10], fmt.Errorf("and %d more", len(errs)-10))
	}
	return errors.Join(errs...)
}

// swapped turns hex bytes around.
func swapped(text string) string {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return ""
	}
	slices.Reverse(raw)
	return hex.EncodeToString(raw)
}
