package sourcetest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/sourcetest"
)

func known() map[string]secrets.Value {
	return map[string]secrets.Value{
		"db/password": secrets.New("canary of the database"),
		"api-key":     secrets.New(" canary of the API "),
		"empty":       secrets.New(""),
		"tls.key":     secrets.New("-----BEGIN KEY-----\ncanary of TLS\n-----END KEY-----\n"),
	}
}

// memory is a correct source, and the faults it can have.
type memory struct {
	fault string
	known map[string]secrets.Value

	mu       sync.Mutex
	changed  sync.Cond
	poisoned error
	first    string          // name that was asked for
	other    string          // name that was asked for, and another
	seen     map[string]bool // names that were asked for
	shared   map[string]*look
}

// look is one that callers share.
type look struct {
	done  chan struct{}
	value secrets.Value
	err   error
}

func newMemory(fault string) func() (secrets.Source, error) {
	return func() (secrets.Source, error) {
		m := &memory{fault: fault, known: known(), seen: map[string]bool{}, shared: map[string]*look{}}
		m.changed.L = &m.mu
		return m, nil
	}
}

func (m *memory) is(fault string) bool { return m.fault == fault }

func (m *memory) Lookup(ctx context.Context, name string) (secrets.Value, error) {
	v, err := m.share(ctx, name)
	var plain secrets.Value
	if err == nil {
		return v, nil
	}
	canary := m.known["db/password"].Reveal()
	switch {
	case m.is("value beside the error"):
		return secrets.New(canary), m.failure(name, err)
	case m.is("value beside the error of an ended context") && ctx.Err() != nil:
		return secrets.New(canary), m.failure(name, err)
	case m.is("error is not not-found") && name != "" && ctx.Err() == nil:
		return plain, fmt.Errorf("%q: no such secret", name)
	case m.is("error does not say the name"):
		return plain, err
	case m.is("error shows the values"):
		return plain, fmt.Errorf("%q is not among %q: %w", name, m.texts(), err)
	case m.is("error shows a line of a value"):
		return plain, fmt.Errorf("%q is not canary of TLS: %w", name, err)
	case m.is("error's fields show a value"):
		return plain, &holder{m.failure(name, err), canary}
	case m.is("wrapped error shows a value"):
		return plain, &cover{fmt.Errorf("%q is not %s: %w", name, canary, err)}
	case m.is("joined error shows a value"):
		return plain, &covers{[]error{nil, m.failure(name, err), errors.New(canary)}}
	case m.is("error of the ended context shows a value") && ctx.Err() != nil:
		return plain, fmt.Errorf("stopped at %s: %w", canary, err)
	case m.is("error of the empty name shows a value") && name == "":
		return plain, fmt.Errorf("no name for %s: %w", canary, err)
	case m.is("error of a dotted name shows a value") && strings.Contains(name, ".."):
		return plain, fmt.Errorf("bad path to %s: %w", canary, err)
	}
	return plain, m.failure(name, err)
}

func (m *memory) failure(name string, err error) error {
	return &secrets.SourceError{Source: "memory", Name: name, Err: err}
}

func (m *memory) texts() []string {
	var all []string
	for _, v := range m.known {
		all = append(all, v.Reveal())
	}
	return all
}

// share lets callers who ask for the same secret at a time share a look, which
// takes a while and has the context of the first of them.
func (m *memory) share(ctx context.Context, name string) (secrets.Value, error) {
	if !m.is("a caller who leaves takes others along") && !m.is("a caller who leaves fails without its cause") {
		return m.answer(ctx, name)
	}
	m.mu.Lock()
	l := m.shared[name]
	if l != nil {
		m.mu.Unlock()
		<-l.done
		return l.value, l.err
	}
	l = &look{done: make(chan struct{})}
	m.shared[name] = l
	m.mu.Unlock()
	select {
	case <-ctx.Done():
		l.err = context.Cause(ctx)
		if m.is("a caller who leaves fails without its cause") {
			l.err = errors.New("no answer")
		}
	case <-time.After(20 * time.Millisecond):
		l.value, l.err = m.answer(context.WithoutCancel(ctx), name)
	}
	m.mu.Lock()
	delete(m.shared, name)
	m.mu.Unlock()
	close(l.done)
	return l.value, l.err
}

func (m *memory) answer(ctx context.Context, name string) (secrets.Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.context(ctx); err != nil {
		return secrets.Value{}, err
	}
	switch {
	case name == "" && m.is("empty name is not found"):
		return secrets.Value{}, fs.ErrNotExist
	case name == "" && m.is("empty name has a value"):
		return secrets.New("all of them"), nil
	case name == "":
		return secrets.Value{}, errors.New("the name is empty")
	}
	if m.is("second answer fails") && m.seen[name] {
		return secrets.Value{}, errors.New("once only")
	}
	m.seen[name] = true
	name = m.mixUp(name)
	v, ok := m.known[m.clean(name)]
	switch {
	case m.is("missing is empty") && !ok:
		return secrets.Value{}, nil
	case !ok, m.is("empty is missing") && v.IsZero():
		return secrets.Value{}, fs.ErrNotExist
	case m.is("value trimmed"):
		v = secrets.New(strings.TrimSpace(v.Reveal()))
	case m.is("line feed at the end cut"):
		v = secrets.New(strings.TrimSuffix(v.Reveal(), "\n"))
	case m.is("value of another name"):
		v = m.known["api-key"]
	}
	return v, nil
}

func (m *memory) context(ctx context.Context) error {
	switch {
	case m.poisoned != nil:
		return m.poisoned
	case ctx.Err() == nil, m.is("ended context ignored"):
		return nil
	case m.is("ended context is an error without its cause"):
		return ctx.Err()
	case m.is("ended context is not found"):
		return fmt.Errorf("%w: %w", fs.ErrNotExist, context.Cause(ctx))
	case m.is("ended context of one fails all"):
		m.poisoned = context.Cause(ctx)
	}
	return context.Cause(ctx)
}

// mixUp gives the first caller the name of another, for which it waits.
func (m *memory) mixUp(name string) string {
	switch {
	case !m.is("answers of two callers mixed up"):
	case m.first == "":
		m.first = name
		for m.other == "" {
			m.changed.Wait()
		}
		return m.other
	case m.other == "" && name != m.first:
		m.other = name
		m.changed.Broadcast()
	}
	return name
}

// clean gives the name that a fault takes name for.
func (m *memory) clean(name string) string {
	switch m.fault {
	case "name trimmed":
		return strings.TrimSpace(name)
	case "name cleaned":
		return path.Clean(name)
	case "name rooted":
		return strings.TrimPrefix(path.Clean("/"+name), "/")
	case "name cut at a NUL":
		name, _, _ = strings.Cut(name, "\x00")
	case "beginning of a name will do", "end of a name will do":
		for k := range m.known {
			if strings.HasPrefix(name, k) && m.is("beginning of a name will do") || strings.HasSuffix(name, k) && m.is("end of a name will do") {
				return k
			}
		}
	}
	return name
}

// holder shows its value when its fields are printed.
type holder struct {
	error
	value string
}

func (h *holder) Unwrap() error    { return h.error }
func (h *holder) GoString() string { return "holder{" + h.value + "}" }

// cover and covers have a text of their own.
type cover struct{ err error }

func (c *cover) Error() string    { return "failed" }
func (c *cover) GoString() string { return "failed" }
func (c *cover) Unwrap() error    { return c.err }

type covers struct{ errs []error }

func (c *covers) Error() string    { return "failed" }
func (c *covers) GoString() string { return "failed" }
func (c *covers) Unwrap() []error  { return c.errs }

func TestCorrectSourcePasses(t *testing.T) { sourcetest.Run(t, known(), newMemory("")) }

func TestKitFailsOnBrokenSources(t *testing.T) {
	faults := map[string]string{ // fault to the check that must notice it
		"second answer fails":                         "present",
		"empty is missing":                            "present",
		"value trimmed":                               "present",
		"line feed at the end cut":                    "present",
		"value of another name":                       "present",
		"missing is empty":                            "absent",
		"value beside the error":                      "absent",
		"error is not not-found":                      "absent",
		"error does not say the name":                 "absent",
		"beginning of a name will do":                 "absent",
		"end of a name will do":                       "absent",
		"empty name is not found":                     "empty name",
		"empty name has a value":                      "empty name",
		"name trimmed":                                "exact names",
		"name cleaned":                                "exact names",
		"name rooted":                                 "exact names",
		"name cut at a NUL":                           "exact names",
		"ended context ignored":                       "context",
		"ended context is an error without its cause": "context",
		"ended context is not found":                  "context",
		"ended context of one fails all":              "context",
		"value beside the error of an ended context":  "context",
		"answers of two callers mixed up":             "concurrent",
		"a caller who leaves takes others along":      "leaving callers",
		"a caller who leaves fails without its cause": "leaving callers",
		"error shows the values":                      "errors hide values",
		"error shows a line of a value":               "errors hide values",
		"error's fields show a value":                 "errors hide values",
		"wrapped error shows a value":                 "errors hide values",
		"joined error shows a value":                  "errors hide values",
		"error of the ended context shows a value":    "errors hide values",
		"error of the empty name shows a value":       "errors hide values",
		"error of a dotted name shows a value":        "errors hide values",
	}
	noticed := map[string]bool{}
	for fault, check := range faults {
		t.Run(fault, func(t *testing.T) {
			err := sourcetest.Prove(t.Context(), check, known(), newMemory(fault))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "canary", "the report shows a value")
			noticed[check] = true
		})
	}
	for _, check := range sourcetest.Checks() {
		require.True(t, noticed[check], "no fault is noticed by check %q", check)
	}
}

func TestReportsHideValues(t *testing.T) {
	for _, fault := range []string{"error shows the values", "error shows a line of a value", "error of the empty name shows a value"} {
		for _, check := range sourcetest.Checks() {
			if err := sourcetest.Prove(t.Context(), check, known(), newMemory(fault)); err != nil {
				require.NotContains(t, err.Error(), "canary")
			}
		}
	}
	broken := secrets.SourceFunc(func(context.Context, string) (secrets.Value, error) {
		return secrets.Value{}, errors.New("no luck with canary of the database")
	})
	for _, check := range sourcetest.Checks() {
		err := sourcetest.Prove(t.Context(), check, known(), func() (secrets.Source, error) { return broken, nil })
		if err != nil {
			require.NotContains(t, err.Error(), "canary")
		}
	}
}

func TestKitFailsWithoutASource(t *testing.T) {
	broken := errors.New("no vault")
	err := sourcetest.Prove(t.Context(), "present", known(), func() (secrets.Source, error) { return nil, broken })
	require.ErrorIs(t, err, broken)
	require.Error(t, sourcetest.Prove(t.Context(), "present", known(), func() (secrets.Source, error) { return nil, nil }))
}

func TestKitRefusesSecretsThatProveNothing(t *testing.T) {
	v := secrets.New
	for name, unfit := range map[string]map[string]secrets.Value{
		"none":           {},
		"one":            {"a": v("long enough")},
		"the same twice": {"a": v("long enough"), "b": v("long enough")},
		"short":          {"a": v("long enough"), "b": v("short")},
		"without a name": {"a": v("long enough"), "": v("as long as that")},
		"part of a name": {"a": v("password"), "db-password": v("long enough")},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, sourcetest.Prove(t.Context(), "empty name", unfit, newMemory("")))
		})
	}
}
