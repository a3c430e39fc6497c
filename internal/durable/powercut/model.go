package powercut

import (
	"fmt"
	"io/fs"
	"maps"
)

// node is a file, a directory or a symbolic link of the recorded tree, with
// the content that a running program sees.
type node struct {
	mode    fs.FileMode
	content []byte           // of a file
	target  string           // of a symbolic link
	entries map[string]*node // of a directory
}

func newDir(perm fs.FileMode) *node {
	return &node{mode: fs.ModeDir | perm, entries: map[string]*node{}}
}

// opKind tells operations apart.
type opKind int

const (
	opEntry    opKind = iota // directory entries changed
	opWrite                  // content written
	opTruncate               // content cut or extended
	opSync                   // content made durable
	opSyncDir                // entries made durable
	opMark                   // a note of the test
)

// op is one recorded operation.
type op struct {
	kind    opKind
	text    string // for people; the note itself of a mark
	node    *node  // file or directory that it is about
	changes []change
	after   *op // a change that is never there without that one

	offset int64 // opWrite; opTruncate: the size
	data   []byte
}

// change sets a directory entry; a nil node removes it.
type change struct {
	name string
	node *node
}

// disk is what is durable at some point, and what is not yet.
type disk struct {
	content map[*node][]byte
	entries map[*node]map[string]*node
	pending []*op // entry, write and truncate operations in order
}

// newDisk takes all that is below root for durable.
func newDisk(root *node) *disk {
	d := &disk{content: map[*node][]byte{}, entries: map[*node]map[string]*node{}}
	var add func(n *node)
	add = func(n *node) {
		d.content[n] = n.content
		d.entries[n] = maps.Clone(n.entries)
		for _, child := range n.entries {
			add(child)
		}
	}
	add(root)
	return d
}

// clone returns a disk that is changed on its own; what it holds is never
// changed in place.
func (d *disk) clone() *disk {
	return &disk{content: maps.Clone(d.content), entries: maps.Clone(d.entries), pending: d.pending}
}

// apply does one operation, and tells whether a sync had anything to do.
func (d *disk) apply(o *op) (useful bool) {
	switch o.kind {
	case opEntry, opWrite, opTruncate:
		d.pending = append(d.pending, o)
	case opSync, opSyncDir:
		rest := d.pending[:0:0]
		for _, p := range d.pending {
			if p.node != o.node || (p.kind == opEntry) != (o.kind == opSyncDir) {
				rest = append(rest, p)
				continue
			}
			useful = true
			if p.kind == opEntry {
				d.entries[p.node] = p.link(d.entries[p.node])
			} else {
				d.content[p.node] = p.edit(d.content[p.node], whole)
			}
		}
		d.pending = rest
	}
	return useful
}

// link returns entries with the changes made.
func (o *op) link(entries map[string]*node) map[string]*node {
	entries = maps.Clone(entries)
	if entries == nil {
		entries = map[string]*node{}
	}
	for _, c := range o.changes {
		if c.node == nil {
			delete(entries, c.name)
		} else {
			entries[c.name] = c.node
		}
	}
	return entries
}

// fate is what became of a pending operation: how, and for a write where.
type fate struct {
	how how
	at  float64 // share of the data, 0 to 1
}

type how int

const (
	kept   how = iota
	lost       // as if it had never been done
	torn       // the beginning only
	zeroed     // the beginning, then zero bytes
	holed      // zero bytes, then the end
	hows       // how many there are
)

var whole = fate{how: kept}

// edit returns content with a write or truncation done, as far as f says.
func (o *op) edit(content []byte, f fate) []byte {
	if f.how == lost {
		return content
	}
	if o.kind == opTruncate {
		return resize(content, o.offset)
	}
	data := append([]byte(nil), o.data...)
	cut := int(f.at * float64(len(data)))
	switch f.how {
	case torn:
		data = data[:cut]
	case zeroed:
		clear(data[cut:])
	case holed:
		clear(data[:cut])
	}
	end := o.offset + int64(len(data))
	content = resize(content, max(end, int64(len(content))))
	copy(content[o.offset:], data)
	return content
}

// resize returns a copy of content with the size.
func resize(content []byte, size int64) []byte {
	c := make([]byte, size)
	copy(c, content)
	return c
}

func (o *op) String() string {
	if o.kind == opMark {
		return fmt.Sprintf("mark %q", o.text)
	}
	return o.text
}
