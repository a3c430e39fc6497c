package backup

import (
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
)

// paths are those of one backup, which make a tree: none is there twice, and
// nothing is below a file or a link. It keeps a hash of each, and not its text.
type paths struct {
	kinds map[[16]byte]pathKind
	last  string // the folder of the last one, which is known to be one
}

type pathKind int

const (
	pathThrough pathKind = iota + 1 // a folder that was not named yet
	pathFolder
	pathOther
)

func newPaths() *paths { return &paths{kinds: map[[16]byte]pathKind{}} }

// add takes the path of an entry, or tells why it cannot be in one tree with
// those before.
func (p *paths) add(e *Entry) error {
	if dir := path.Dir(e.Path); dir != p.last {
		for i, c := range e.Path {
			if c != '/' {
				continue
			}
			above := pathHash(e.Path[:i])
			switch p.kinds[above] {
			case 0:
				p.kinds[above] = pathThrough
			case pathOther:
				return fmt.Errorf("entry %q: it is below %q, which is no folder", e.Path, e.Path[:i])
			}
		}
		p.last = strings.Clone(dir)
	}
	own := pathHash(e.Path)
	switch there := p.kinds[own]; {
	case there == pathThrough && e.Type != EntryDir:
		return fmt.Errorf("entry %q: it is no folder, and something is below it", e.Path)
	case there == pathFolder || there == pathOther:
		return fmt.Errorf("entry %q: it is there twice", e.Path)
	}
	p.kinds[own] = pathOther
	if e.Type == EntryDir {
		p.kinds[own] = pathFolder
	}
	return nil
}

// remove forgets a file that add took.
func (p *paths) remove(e *Entry) { delete(p.kinds, pathHash(e.Path)) }

func pathHash(path string) [16]byte {
	sum := sha256.Sum256([]byte(path))
	return [16]byte(sum[:16])
}
