package monitor

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// drawn is a check as the renderer showed it last. The renderer's lock guards
// it.
type drawn struct {
	version uint64
	state   *State
	fresh   bool // the texts are of this state
	public  []byte
	private []byte
}

// follow takes the state of e over, if it changed. The monitor's lock is held.
func (d *drawn) follow(e *entry) {
	if d.state != nil && d.version == e.version {
		return
	}
	d.version, d.state, d.fresh = e.version, e.state(), false
}

// draw makes the texts, the private one where somebody may see it.
func (d *drawn) draw(all bool) {
	if !d.fresh {
		d.public, d.private, d.fresh = d.state.draw(false), nil, true
	}
	if all && d.private == nil {
		d.private = d.state.draw(true)
	}
}

// draw returns the members of "checks" in health+json that are about s (draft-
// inadarei-api-health-check-06, section 4), without braces: one for each name of
// a measurement, or one for the check where there are none.
func (s *State) draw(all bool) []byte {
	var before, after []byte // the observed value
	before = appendMember(before, "status", healthWord(s.Health()))
	if !s.LastTime.IsZero() {
		before = appendTime(append(before, ','), "time", s.LastTime)
	}
	after = s.appendRest(after, all)
	ms := s.Last.Measurements
	if len(ms) == 0 {
		ms = []Measurement{{}}
	}
	b := make([]byte, 0, (len(s.Check)+len(before)+len(after)+64)*len(ms))
	for i, m := range ms {
		if sameName(ms[:i], m.Name) {
			continue // with the first of that name
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, s.key(m)), ':', '[')
		for _, other := range ms[i:] {
			if other.Name == m.Name {
				b = append(append(b, '{'), before...)
				b = s.appendValue(b, other)
				b = append(append(b, after...), '}', ',')
			}
		}
		b[len(b)-1] = ']'
	}
	return b
}

func sameName(ms []Measurement, name string) bool {
	return slices.ContainsFunc(ms, func(m Measurement) bool { return m.Name == name })
}

func (s *State) key(m Measurement) string {
	if m.Name == "" {
		return s.Check
	}
	return s.Check + ":" + m.Name
}

func (s *State) appendValue(b []byte, m Measurement) []byte {
	if len(s.Last.Measurements) == 0 {
		return b
	}
	b = append(b, `,"observedValue":`...)
	if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendFloat(b, m.Value, 'g', -1, 64)
	}
	if m.Unit != "" {
		b = appendMember(append(b, ','), "observedUnit", m.Unit)
	}
	return b
}

// appendRest appends what follows the value: output, and members of our own.
func (s *State) appendRest(b []byte, all bool) []byte {
	text := func(name, v string) {
		if v != "" {
			b = appendMember(append(b, ','), name, v)
		}
	}
	flag := func(name string, v bool) {
		if v {
			b = append(append(append(b, `,"`...), name...), `":true`...)
		}
	}
	text("output", s.output(all))
	flag("critical", s.Critical)
	flag("stuck", s.Stuck)
	flag("stale", s.Stale)
	flag("flapping", s.Flapping)
	if !s.Since.IsZero() {
		b = appendTime(append(b, ','), "since", s.Since)
	}
	if !all {
		return b
	}
	number := func(name string, v uint64) {
		b = strconv.AppendUint(append(append(append(b, `,"`...), name...), `":`...), v, 10)
	}
	flag("alert", s.Alert)
	text("withheldFor", string(s.Cause))
	text("withheldBy", s.By)
	number("durationUs", uint64(s.LastDuration/time.Microsecond))
	number("runs", s.Runs)
	number("missed", s.Missed)
	number("panics", s.Panics)
	text("owner", s.Owner)
	text("runbook", s.Runbook)
	if len(s.Labels) > 0 {
		b = append(append(b, `,"labels":`...), mustJSON(s.Labels)...)
	}
	return b
}

func appendMember(b []byte, name, v string) []byte {
	b = append(append(append(b, '"'), name...), `":`...)
	return appendString(b, v)
}

func appendTime(b []byte, name string, t time.Time) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	return append(t.UTC().AppendFormat(b, time.RFC3339Nano), '"')
}

// appendString appends s as JSON. Most need no escaping.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return append(b, mustJSON(s)...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// output is what there is to say; nothing if all is well.
func (s *State) output(all bool) string {
	switch {
	case s.LastTime.IsZero():
		return "not run yet"
	case all && s.text != "":
		if s.Last.Detail != "" {
			return s.Last.Detail + ": " + s.text
		}
		return s.text
	case s.Health() == Pass && s.Last.Status == Pass:
		return ""
	}
	return s.Last.Detail
}

// healthWord returns the word of health+json, which has none for Unknown.
func healthWord(s Status) string {
	if s == Unknown {
		s = Warn
	}
	return s.String()
}

// page is a text that is ready to be served.
type page struct {
	body []byte
	etag string
}

func newPage(body []byte) page {
	hash := sha256.New()
	for part := range slices.Chunk(body, 64<<10) {
		hash.Write(part)
		runtime.Gosched() // runs that are due come first
	}
	return page{body, `"` + base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:18]) + `"`}
}

// pages are those of one snapshot.
type pages struct {
	public, private page
	ready, startup  probe
}

func newPages(s *Snapshot, entries []*entry, service Service, all bool) pages {
	p := pages{
		public:  newPage(document(s, entries, service, func(d *drawn) []byte { return d.public })),
		ready:   newProbe("readyz", s, func(c *State) bool { return !c.blocks(s.Started) }),
		startup: newProbe("startupz", s, func(c *State) bool { return s.Started || !c.blocks(false) }),
	}
	if all {
		p.private = newPage(document(s, entries, service, func(d *drawn) []byte { return d.private }))
	}
	return p
}

// document puts the whole of health+json together.
func document(s *Snapshot, entries []*entry, service Service, text func(*drawn) []byte) []byte {
	size := 1024
	for _, e := range entries {
		size += len(text(&e.drawn)) + 1
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	head := struct {
		Status      string `json:"status"`
		Version     string `json:"version,omitempty"`
		Release     string `json:"releaseId,omitempty"`
		ID          string `json:"serviceId,omitempty"`
		Description string `json:"description,omitempty"`
	}{healthWord(s.Status), service.Version, service.Release, service.ID, service.Description}
	b.Write(bytes.TrimSuffix(mustJSON(head), []byte("}")))
	b.WriteString(`,"checks":{`)
	for i, e := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(text(&e.drawn))
	}
	b.WriteString("}}\n")
	return b.Bytes()
}

// mustJSON encodes strings, for which it cannot fail.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}
