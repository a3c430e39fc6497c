package secrets

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/masaruk/devops/internal/leakforms"
)

// minLength is the length in bytes of the shortest value that can be removed
// from text: a shorter one is in half of all words.
const minLength = leakforms.MinLength

// Redactor replaces registered values by the [Placeholder] in streams, strings
// and errors: each value in every form that it leaks in (the section Redactor
// of the package comment lists them), and what has the form of a secret where
// [Redactor.AddPatterns] asks for it. Texts that overlap are replaced together,
// so that no part of one is left over; of two that begin at the same place the
// longer one counts.
//
// The zero Redactor and a nil one pass everything through. A Redactor is safe
// for concurrent use.
type Redactor struct {
	mu      sync.Mutex  // held to change known and to make an engine of it
	known   *known      // behind a pointer, so that fmt does not show it
	changed atomic.Bool // known is ahead of engine
	ready   atomic.Pointer[engine]
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
// passed on before is not called back. The first use after it makes the tables
// anew, which takes tens of milliseconds with some hundred values.
//
// A value is refused when it is shorter than 4 bytes without the space around
// it, since replacing it would ruin the text and tell where it stands; when it
// is a part of the [Placeholder]; and when all values in all forms would have
// more than 4 MiB or 131072 texts, so that the tables stay within 64 MiB: that
// is some thousand passwords, or 29 RSA keys of 2048 bits. The error tells the
// position of each refused value in the arguments, and never the value. The
// other values are registered all the same.
func (r *Redactor) Add(values ...Value) error {
	if r == nil {
		return errors.New("secrets: Add to a nil Redactor, which can hold no values; make one with NewRedactor")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for i, v := range values {
		s := v.Reveal()
		why := unfit(s)
		if why == "" {
			why = r.learn().value(s)
		}
		if why != "" {
			errs = append(errs, fmt.Errorf("secrets: value %d of %d %s", i+1, len(values), why))
		}
	}
	return errors.Join(errs...)
}

// AddPatterns makes the Redactor look for texts that have the form of a
// secret, besides the registered values. It refuses a number that is no
// [Pattern].
func (r *Redactor) AddPatterns(patterns ...Pattern) error {
	if r == nil {
		return errors.New("secrets: AddPatterns to a nil Redactor, which can hold no patterns; make one with NewRedactor")
	}
	for _, p := range patterns {
		if p < PaymentCards || p > PhoneNumbers {
			return fmt.Errorf("secrets: there is no pattern %d; use the constants of type Pattern", p)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.learn()
	k.patterns = append(k.patterns, patterns...)
	slices.Sort(k.patterns)
	k.patterns = slices.Compact(k.patterns)
	return nil
}

// learn returns what is known, to change it with mu held.
func (r *Redactor) learn() *known {
	if r.known == nil {
		r.known = &known{texts: map[string]bool{}}
	}
	r.changed.Store(true)
	return r.known
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

// String returns s with the secrets replaced.
func (r *Redactor) String(s string) string {
	s, _ = r.engine().string(s)
	return s
}

// Bytes returns a copy of b with the secrets replaced, or b itself if it holds
// none.
func (r *Redactor) Bytes(b []byte) []byte {
	e := r.engine()
	if e == nil {
		return b
	}
	out, changed := e.all(b)
	if !changed {
		return b
	}
	return out
}

// Find gives the start and the end, in bytes, of each part of b that String
// would replace, in order.
func (r *Redactor) Find(b []byte) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		e := r.engine()
		if e == nil {
			return
		}
		for _, s := range e.find(nil, b) {
			if !yield(s.Start, s.End) {
				return
			}
		}
	}
}

// Writer returns a filter before w. It passes on at once what cannot be the
// beginning of a secret, so of registered values it holds back less than the
// longest form, and of each [Pattern] what is said there; Close passes on the
// rest and leaves w open. After an error of w every Write returns that error.
// A long Write reaches w in pieces. The filter is safe for concurrent use as
// far as the order of the writes does not matter; it writes to w from one
// goroutine at a time.
func (r *Redactor) Writer(w io.Writer) io.WriteCloser { return &filter{to: w, r: r} }

// engine returns nil where there is nothing to look for.
func (r *Redactor) engine() *engine {
	if r == nil {
		return nil
	}
	if !r.changed.Load() {
		return r.ready.Load()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed.Load() {
		r.ready.Store(r.known.compile(r.ready.Load()))
		r.changed.Store(false)
	}
	return r.ready.Load()
}
