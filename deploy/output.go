package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"

	"github.com/masaruk/devops/secrets"
)

// MaxOutput is the size in bytes of the largest output, as JSON.
const MaxOutput = 64 << 10

// ErrSecret reports data that holds a secret where none may be: in an output,
// which goes into the log, or in the spec of an action, which people read.
var ErrSecret = errors.New("holds a secret")

// outputs are the values that steps hand to later steps. They go through JSON
// and the log, so that a run continued after a crash sees the same ones.
type outputs struct {
	mu       sync.Mutex
	all      map[string]json.RawMessage // of completed steps
	typed    map[string]string          // the declarations of those that have one
	fresh    map[string]json.RawMessage // of the attempt that runs now
	step     Step
	redactor *secrets.Redactor
}

// take returns what the attempt provided.
func (o *outputs) take() map[string]json.RawMessage {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.fresh)
}

// complete reports the outputs that the step promised and did not provide.
func (o *outputs) complete() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, decl := range o.step.Provides {
		name := nameOf(decl)
		if _, ok := o.fresh[name]; !ok {
			errs = append(errs, fmt.Errorf("output %q is in Provides and was not provided", name))
		}
	}
	return errors.Join(errs...)
}

// Provide sets the output name of the step, which the step must list in
// Provides, to v as JSON. It refuses a v whose type or content holds a secret,
// and one that is longer than [MaxOutput]. The output counts when the step
// succeeds.
//
// Provide and Bind are for actions that are told the name of an output and
// nothing of its type, such as one that runs any script. A program that knows
// the type uses an [Output], which alone may set what was declared by one.
func (c *Call) Provide(name string, v any) error { return c.provide(name, name, v) }

// provide sets the output that the step has declared so.
func (c *Call) provide(name, decl string, v any) error {
	o := c.outputs
	switch listed, ok := declares(o.step.Provides, name); {
	case !ok:
		return fmt.Errorf("output %q: step %q does not list it in Provides", name, c.Step)
	case listed != decl:
		return fmt.Errorf("output %q: step %q lists it in Provides as %q, and it is set as %q; use one Output for both", name, c.Step, listed, decl)
	}
	if path, found := findSecret(v); found {
		return fmt.Errorf("output %q: %s %w; hand on the name of the secret instead", name, strings.TrimPrefix(name+path, "."), ErrSecret)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("output %q: %w", name, err)
	}
	if len(raw) > MaxOutput {
		return fmt.Errorf("output %q: %d bytes of JSON are more than %d; hand on a reference instead", name, len(raw), MaxOutput)
	}
	if textHolds(raw, o.redactor) {
		return fmt.Errorf("output %q: its text %w; hand on the name of the secret instead", name, ErrSecret)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	total := len(raw)
	for other, v := range o.fresh {
		if other != name {
			total += len(v)
		}
	}
	if total > maxOutputs {
		return fmt.Errorf("output %q: the outputs of the step are %d bytes of JSON, more than %d; hand on references instead", name, total, maxOutputs)
	}
	o.fresh[name] = raw
	return nil
}

// maxOutputs bounds the outputs of one step, so that its outcome fits into a
// record.
const maxOutputs = 512 << 10

// Bind reads an output that the step lists in Binds, or one of its own, into
// the value that into points to, whatever it was declared as; see Provide.
// During Undo an output may be missing, since its step may have failed before
// it was set; the error wraps [ErrNoOutput].
func (c *Call) Bind(name string, into any) error {
	raw, _, err := c.bound(name)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("output %q: %w", name, err)
	}
	return nil
}

// bound returns an output, and the declaration by which it was set.
func (c *Call) bound(name string) (raw json.RawMessage, decl string, err error) {
	o := c.outputs
	own, isOwn := declares(o.step.Provides, name)
	if _, ok := declares(o.step.Binds, name); !ok && !isOwn {
		return nil, "", fmt.Errorf("step %q does not list it in Binds", c.Step)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if raw, ok := o.fresh[name]; ok {
		if own == name {
			own = ""
		}
		return raw, own, nil
	}
	if raw, ok := o.all[name]; ok {
		return raw, o.typed[name], nil
	}
	return nil, "", ErrNoOutput
}

// ErrNoOutput reports an output that no completed step has set.
var ErrNoOutput = errors.New("no completed step has set it")

// ErrOutputVersion reports an output of another version than the one that is
// read.
var ErrOutputVersion = errors.New("output is of another version")

var outputRef = regexp.MustCompile(`\$\{([A-Za-z0-9][A-Za-z0-9._-]*)\}`)

// Expand replaces each ${name} in s by the output of that name, which must be
// a string.
func (c *Call) Expand(s string) (string, error) {
	var first error
	out := outputRef.ReplaceAllStringFunc(s, func(ref string) string {
		var v string
		if err := c.Bind(ref[2:len(ref)-1], &v); err != nil && first == nil {
			first = fmt.Errorf("%s: %w", ref, err)
		}
		return v
	})
	return out, first
}

// previewRefs shows each ${name} in s as something only a run can know.
func previewRefs(s string) string { return outputRef.ReplaceAllString(s, "<output $1>") }
