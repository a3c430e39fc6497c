package backup

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// Entry is one file of a backup: a line of its index.
type Entry struct {
	// Path is relative, with slashes, and clean.
	Path string `json:"path"`
	// Type is "file", "dir" or "link".
	Type EntryType `json:"type"`
	// Mode has the nine permission bits and setuid, setgid and sticky, as tar
	// has them.
	Mode int64 `json:"mode"`
	// Owner is the numeric user and group, where the Producer knows them.
	UID int `json:"uid,omitempty"`
	GID int `json:"gid,omitempty"`
	// Modified is the time of the last change of content.
	Modified time.Time `json:"modified"`
	// Link is the target of a symbolic link.
	Link string `json:"link,omitempty"`
	// Size is the length of the content in bytes, CRC32C the Castagnoli
	// checksum of it in hex.
	Size   int64  `json:"size,omitempty"`
	CRC32C string `json:"crc32c,omitempty"`
	// SHA256 is that of the content in hex, where the Producer took it.
	SHA256 string `json:"sha256,omitempty"`
	// Changed is the time of the last change of the file itself (ctime), and
	// Inode its number, where the Producer keeps them to know it again.
	Changed time.Time `json:"changed,omitzero"`
	Inode   uint64    `json:"inode,omitempty"`
	// Object names the part that holds the file.
	Object string `json:"object"`
}

// EntryType is what an [Entry] is.
type EntryType string

// The types of entries.
const (
	EntryFile EntryType = "file"
	EntryDir  EntryType = "dir"
	EntryLink EntryType = "link"
)

// validate refuses what a restore could not make, or would make outside of its
// target.
func (e *Entry) validate() error {
	var errs []error
	if e.Path == markerName || strings.HasPrefix(e.Path, "."+markerName+".") {
		errs = append(errs, errors.New("Path is that of the file by which a restore says that it is not complete: what is to be backed up is an incomplete restore"))
	}
	if e.Path == "" || !fs.ValidPath(e.Path) || e.Path == "." || strings.ContainsAny(e.Path, "\x00") {
		errs = append(errs, errors.New("Path is not relative and clean"))
	}
	switch e.Type {
	case EntryFile:
		if e.Size < 0 {
			errs = append(errs, fmt.Errorf("Size is %d", e.Size))
		}
	case EntryDir, EntryLink:
		if e.Size != 0 {
			errs = append(errs, fmt.Errorf("Size is %d and only a file has content", e.Size))
		}
	default:
		errs = append(errs, fmt.Errorf("Type %q is none of file, dir, link", e.Type))
	}
	if strings.Contains(e.Link, "\x00") || !utf8.ValidString(e.Link) {
		errs = append(errs, errors.New("Link has a zero byte, or is not UTF-8"))
	}
	if (e.Type == EntryLink) != (e.Link != "") {
		errs = append(errs, errors.New("Link is for links, which need one"))
	}
	if e.Mode&^0o7777 != 0 {
		errs = append(errs, fmt.Errorf("Mode is %#o", e.Mode))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("entry %q: %w", e.Path, err)
	}
	return nil
}

// header is the entry in a tar archive.
func (e *Entry) header() *tar.Header {
	h := &tar.Header{
		Name: e.Path, Mode: e.Mode, Uid: e.UID, Gid: e.GID, ModTime: e.Modified, Size: e.Size,
		Typeflag: tar.TypeReg, Format: tar.FormatPAX,
	}
	switch e.Type {
	case EntryDir:
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case EntryLink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Link
	}
	return h
}

// matches compares a header that was read with the entry.
func (e *Entry) matches(h *tar.Header) bool {
	want := e.header()
	return path.Clean(h.Name) == e.Path && h.Typeflag == want.Typeflag && h.Size == want.Size && h.Linkname == want.Linkname
}
