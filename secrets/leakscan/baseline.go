package leakscan

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// baselineVersion is the version of the format that Write writes.
const baselineVersion = 1

// maxBaseline is the size in bytes of the largest baseline that is read.
const maxBaseline = 64 << 20

// Entry is one or more findings that a [Baseline] knows: those with the same
// rule and path whose secret has the same name on its line, such as
// DB_PASSWORD.
type Entry struct {
	Rule string `json:"rule"`
	Path string `json:"path"`
	// Context is a hash of rule, path and name, in 16 hexadecimal digits. The
	// secret is not in it.
	Context string `json:"context"`
	// Count is how many findings there are.
	Count int `json:"count"`
}

// Baseline has the findings that were there before anybody looked, so that
// only new ones are reported. It knows places and not secrets: nobody who has
// the file can try values against it. So another secret in the place of one
// that is known is not new, and what can be revoked is better removed. It is
// immutable.
type Baseline struct{ entries map[Entry]int } // keys without Count

// NewBaseline returns a Baseline of findings. Loaded values are left out: they
// are never known.
func NewBaseline(findings []Finding) *Baseline {
	b := &Baseline{entries: map[Entry]int{}}
	for _, f := range findings {
		if f.Rule != LoadedValue {
			b.entries[f.entry()]++
		}
	}
	return b
}

func (f Finding) entry() Entry {
	return Entry{Rule: f.Rule, Path: f.Path, Context: hex.EncodeToString(f.context[:])}
}

// Filter returns the findings that are not in the baseline, in their order, and
// the entries that are in it for more findings than there are; Count says for
// how many. Those are stale: their secret is gone, and so should they be. A nil
// Baseline has no entries.
func (b *Baseline) Filter(findings []Finding) (fresh []Finding, stale []Entry) {
	if b == nil {
		return findings, nil
	}
	left := maps.Clone(b.entries)
	for _, f := range findings {
		e := f.entry()
		if f.Rule != LoadedValue && left[e] > 0 {
			left[e]--
			continue
		}
		fresh = append(fresh, f)
	}
	return fresh, sortedEntries(left)
}

// sortedEntries returns the entries that count at least one.
func sortedEntries(counts map[Entry]int) (entries []Entry) {
	for e, n := range counts {
		if n > 0 {
			e.Count = n
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Context, b.Context))
	})
	return entries
}

// baselineFile is the format of a baseline: JSON, sorted, an entry in five
// lines.
type baselineFile struct {
	Version int     `json:"version"`
	Entries []Entry `json:"entries"`
}

// Write writes the baseline for [ReadBaseline]. The same findings give the same
// bytes.
func (b *Baseline) Write(w io.Writer) error {
	file := baselineFile{Version: baselineVersion, Entries: []Entry{}}
	if b != nil {
		file.Entries = append(file.Entries, sortedEntries(b.entries)...)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(file); err != nil {
		return &Error{Op: "baseline", Err: err}
	}
	return nil
}

// ReadBaseline reads what Write wrote. It refuses another version, fields that
// it does not know, rules that do not exist and the rule [LoadedValue].
func ReadBaseline(r io.Reader) (*Baseline, error) {
	file, err := decodeBaseline(r)
	if err != nil {
		return nil, &Error{Op: "baseline", Err: err}
	}
	known := map[string]bool{}
	for _, rule := range Rules() {
		known[rule.ID] = rule.ID != LoadedValue
	}
	b := &Baseline{entries: map[Entry]int{}}
	for i, e := range file.Entries {
		switch _, err := hex.DecodeString(e.Context); {
		case !known[e.Rule]:
			return nil, &Error{Op: "baseline", Err: fmt.Errorf("entries[%d].rule: no rule that a baseline can have; write it again", i)}
		case err != nil || len(e.Context) != 16:
			return nil, &Error{Op: "baseline", Err: fmt.Errorf("entries[%d].context: not 16 hexadecimal digits", i)}
		case e.Count < 1 || e.Count > 1<<20:
			return nil, &Error{Op: "baseline", Err: fmt.Errorf("entries[%d].count: %d is not between 1 and %d", i, e.Count, 1<<20)}
		}
		n := e.Count
		e.Count = 0
		b.entries[e] += n
	}
	return b, nil
}

func decodeBaseline(r io.Reader) (file baselineFile, err error) {
	dec := json.NewDecoder(io.LimitReader(r, maxBaseline))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return file, fmt.Errorf("not the JSON of a baseline, at byte %d", dec.InputOffset()) // the cause may quote it
	}
	if file.Version != baselineVersion {
		return file, fmt.Errorf("version %d is not known here, only %d; write it again", file.Version, baselineVersion)
	}
	if _, err := dec.Token(); err != io.EOF {
		return file, errors.New("something follows the JSON of the baseline")
	}
	return file, nil
}
