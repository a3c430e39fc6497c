package secrets

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// minLength is the length in bytes of the shortest value that can be removed
// from text: a shorter one is in half of all words.
const minLength = 4

// Redactor replaces registered values by the [Placeholder] in streams and
// strings: each value as it is, and each line of it alone, without the space
// around it, where the line has at least 4 bytes. Values that overlap in the
// text are replaced together, so that no part of one is left over; of two
// that begin at the same place the longer one counts.
//
// A value that is encoded in another form (base64, escaped, in two pieces) is
// not found. The zero Redactor and a nil one pass everything through. A
// Redactor is safe for concurrent use.
type Redactor struct {
	mu  sync.Mutex // held by Add
	set atomic.Pointer[patterns]
}

// NewRedactor returns a Redactor of values. It refuses those that [Redactor.Add]
// refuses.
func NewRedactor(values ...Value) (*Redactor, error) {
	r := &Redactor{}
	if err := r.Add(values...); err != nil {
		return nil, err
	}
	return r, nil
}

// Add registers more values, also while writers are in use; what a writer has
// passed on before is not called back.
//
// A value is refused when it is shorter than 4 bytes without the space around
// it, since replacing it would ruin the text and tell where it stands; and
// when it is a part of the [Placeholder]. The error tells the position of each
// refused value in the arguments, and never the value. The other values are
// registered all the same.
func (r *Redactor) Add(values ...Value) error {
	if r == nil {
		return errors.New("secrets: Add to a nil Redactor, which can hold no values; make one with NewRedactor")
	}
	var errs []error
	var add []string
	for i, v := range values {
		s := v.Reveal()
		if why := unfit(s); why != "" {
			errs = append(errs, fmt.Errorf("secrets: value %d of %d %s", i+1, len(values), why))
			continue
		}
		add = append(add, forms(s)...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set.Store(r.set.Load().with(add))
	return errors.Join(errs...)
}

// unfit tells why s cannot be removed from text, or returns "".
func unfit(s string) string {
	trimmed := strings.TrimSpace(s)
	switch {
	case trimmed == "":
		return "is empty, so there is nothing to hide"
	case len(trimmed) < minLength:
		return fmt.Sprintf("is shorter than %d bytes, so hiding it would hide parts of ordinary words and show by the gaps what it is; use a longer secret", minLength)
	case strings.Contains(Placeholder, trimmed):
		return "is a part of the placeholder " + Placeholder + ", so it cannot be hidden by it; use another secret"
	}
	return ""
}

// forms returns the texts that s is known by: itself and its lines.
func forms(s string) []string {
	all := []string{s}
	for line := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == '\n' || c == '\r' }) {
		line = strings.TrimSpace(line)
		if len(line) >= minLength && !strings.Contains(Placeholder, line) {
			all = append(all, line)
		}
	}
	return all
}

// String returns s with the values replaced.
func (r *Redactor) String(s string) string {
	set := r.patterns()
	if set == nil {
		return s
	}
	out, changed := set.all([]byte(s))
	if !changed {
		return s
	}
	return string(out)
}

// Bytes returns a copy of b with the values replaced, or b itself if it holds
// none.
func (r *Redactor) Bytes(b []byte) []byte {
	set := r.patterns()
	if set == nil {
		return b
	}
	out, changed := set.all(b)
	if !changed {
		return b
	}
	return out
}

// Writer returns a filter before w. It passes on at once what cannot be the
// beginning of a value, so it holds back less than the longest value; Close
// passes on the rest and leaves w open. After an error of w every Write
// returns that error. The filter is safe for concurrent use as far as the
// order of the writes does not matter; it writes to w from one goroutine at a
// time.
func (r *Redactor) Writer(w io.Writer) io.WriteCloser { return &filter{to: w, r: r} }

// patterns returns nil where there is nothing to look for.
func (r *Redactor) patterns() *patterns {
	if r == nil {
		return nil
	}
	return r.set.Load()
}
