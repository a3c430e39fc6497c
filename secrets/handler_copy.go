package secrets

import "log/slog"

// copier makes the masked copies of the attributes of one record.
type copier struct {
	*mask
	engine *engine // what the Redactor knows now, nil for nothing
	hidden bool    // all is to be hidden
	slab   *slab
}

// slab is room for copies that are used again.
type slab struct {
	attrs [48]slog.Attr
	used  int
}

// room returns room for n attributes, for as long as the record is handled.
func (c *copier) room(n int) []slog.Attr {
	if c.slab == nil {
		c.slab = c.slabs.Get().(*slab)
	}
	from, to := c.slab.used, c.slab.used+n
	if to > len(c.slab.attrs) {
		return make([]slog.Attr, n)
	}
	c.slab.used = to
	return c.slab.attrs[from:to:to]
}

// take returns room for the n attributes of a group. A [slog.JSONHandler] keeps
// none when it has handled the record or made of them the text of all records
// to come, which is not known of others.
func (c *copier) take(n int) []slog.Attr {
	if !c.json {
		return make([]slog.Attr, n)
	}
	return c.room(n)
}

// add gives attrs to rec. A group without a name is what its attributes are
// alone, and takes no copy; but only of the handlers of log/slog we know that
// they see it so.
func (c *copier) add(rec *slog.Record, attrs []slog.Attr) {
	if c.json {
		rec.AddAttrs(slog.Attr{Value: slog.GroupValue(attrs...)})
		return
	}
	rec.AddAttrs(attrs...)
}

// end gives the room back, without what was in it.
func (c *copier) end() {
	if c.slab == nil {
		return
	}
	clear(c.slab.attrs[:c.slab.used])
	c.slab.used = 0
	c.slabs.Put(c.slab)
}

// trail is the path to what is masked.
type trail struct{ path []element }

// trail returns one that begins with path, and nil where the keys do not want
// to know.
func (m *mask) trail(path []element) *trail {
	if !m.keys.rooted {
		return nil
	}
	at := m.trails.Get().(*trail)
	at.path = append(at.path[:0], path...)
	return at
}

// leave gives a trail back.
func (m *mask) leave(at *trail) {
	if at != nil {
		m.trails.Put(at)
	}
}
