package artefact

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Permissions that every entry gets, so that its owner can read it, and remove
// it again.
const (
	dirPerm  fs.FileMode = 0o700
	filePerm fs.FileMode = 0o400
)

// checkName wants a relative, clean name that stays inside.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%w: %q is not a name inside the archive", ErrUnsafe, name)
	}
	return nil
}

// checkLink wants a target that stays inside: relative, with ".." at its
// beginning only and not more of them than the link is deep. The folder of a
// link is always a real one, so such a target goes up real folders and then
// down; links on the way down are of the same kind, so none leaves.
func checkLink(name, target string) error {
	if target == "" || strings.HasPrefix(target, "/") || strings.ContainsAny(target, "\x00\\") {
		return fmt.Errorf("%w: link %q to %q, which is not relative", ErrUnsafe, name, target)
	}
	depth := strings.Count(path.Clean(name), "/")
	down := false
	for part := range strings.SplitSeq(target, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..":
			down = true
		case down:
			return fmt.Errorf("%w: link %q to %q goes up again after it went down; name the target without that", ErrUnsafe, name, target)
		default:
			depth--
		}
	}
	if depth < 0 {
		return fmt.Errorf("%w: link %q to %q leads outside", ErrUnsafe, name, target)
	}
	return nil
}
