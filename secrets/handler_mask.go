package secrets

import "sync"

// mask is what one handler and those made of it have in common.
type mask struct {
	keys     *Keys
	redactor *Redactor
	json     bool // nothing but JSON is made of the values
	// harmless tells, by the lower 5 bits of the last two bytes of a name, that
	// no path ends so.
	harmless [1 << 10]bool
	shapes   sync.Map  // of reflect.Type: *shape
	encoders sync.Pool // of *encoder
	slabs    sync.Pool // of *slab
	trails   sync.Pool // of *trail
}

func newMask(keys *Keys, r *Redactor, isJSON bool) *mask {
	m := &mask{
		keys: keys, redactor: r, json: isJSON,
		encoders: sync.Pool{New: newEncoder},
		slabs:    sync.Pool{New: func() any { return &slab{} }},
		trails:   sync.Pool{New: func() any { return &trail{} }},
	}
	for i := range m.harmless {
		last, other := byte(i&31), byte(i>>5)
		m.harmless[i] = keys.byEnd[i] == 0 && len(keys.always) == 0 &&
			!isSeparator(last|32) && !isSeparator(other|32) && !isSeparator(last|64) && !isSeparator(other|64)
	}
	return m
}

// isHarmless tells that nothing is hidden for its name; false may be wrong.
func (m *mask) isHarmless(name string) bool {
	n := len(name)
	return n > 1 && m.harmless[int(name[n-2]&31)<<5|int(name[n-1]&31)]
}

// string returns s masked, and whether that changed it.
func (m *mask) string(s string) (string, bool) { return m.redactor.engine().string(s) }
