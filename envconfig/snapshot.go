package envconfig

import (
	"errors"
	"fmt"

	"github.com/masaruk/devops/secrets"
)

// SnapshotVersion is the version of the form that a [Snapshot] is stored in.
const SnapshotVersion = 1

// Snapshot is the configuration of one environment at one time, without its
// secrets: what [Diff] and [CheckShared] compare. As JSON it can be brought to
// a machine that may not see the secrets themselves. A configuration that was
// loaded gives one; so does anything else that calls [Entry.Hold].
type Snapshot struct {
	// Version is SnapshotVersion.
	Version int `json:"v"`
	// Environment and Tier say which environment it is of.
	Environment string `json:"environment"`
	Tier        Tier   `json:"tier"`
	// Entries holds each variable once, in any order.
	Entries []Entry `json:"entries"`
}

// Entry is one variable of a [Snapshot]. Fill in the first six fields and call
// Hold, which fills in the others.
type Entry struct {
	// Variable is its name, such as DB_POOL_MAX.
	Variable string `json:"variable"`
	// Field is the path of what it is loaded into, such as DB.Pool.Max; empty
	// if it is loaded into nothing.
	Field string `json:"field,omitempty"`
	// Type and Rules are words of the one who loads it, such as "duration" and
	// "min=1s max=1m". They are compared as they are and shown.
	Type  string `json:"type,omitempty"`
	Rules string `json:"rules,omitempty"`
	// Secret tells whether the value is a secret. Hold sets it as well for a
	// value that holds one although nobody said so.
	Secret bool `json:"secret,omitempty"`
	// Set tells whether there is a value, a default included.
	Set bool `json:"set,omitempty"`

	// Value is the value if it is set and no secret.
	Value string `json:"value,omitempty"`
	// Fingerprint stands for the value if it is set and a secret.
	Fingerprint secrets.Fingerprint `json:"fingerprint,omitzero"`
	// Databases stand for the servers and databases that the value leads to if
	// it is the address of one, such as postgres://.
	Databases []secrets.Fingerprint `json:"databases,omitempty"`
}

// Hold fills in what the entry keeps of the value. That of a secret stays out
// of it, and so does one that nobody declared a secret but that holds a
// password or a payment key. Without a Fingerprinter, which is allowed, nothing
// can be told about secrets and databases later on but whether they are set.
// Nothing is kept of the value of an entry that is not set.
func (e *Entry) Hold(value secrets.Value, f *secrets.Fingerprinter) {
	e.Value, e.Fingerprint, e.Databases = "", secrets.Fingerprint{}, nil
	if !e.Set {
		return
	}
	text := value.Reveal()
	e.Secret = e.Secret || holdsSecret(text)
	if !e.Secret {
		e.Value = text
	}
	if f == nil || text == "" {
		return
	}
	if e.Secret {
		e.Fingerprint = f.Of(value)
	}
	for _, d := range databasesOf(text) {
		e.Databases = append(e.Databases, f.Of(secrets.New("database "+d)))
	}
}

// Validate reports everything that is wrong with s: a joined error of
// [*Violation], or nil. No error holds a value.
func (s Snapshot) Validate() error {
	var errs []error
	if s.Version != SnapshotVersion {
		errs = append(errs, &Violation{
			Field: "Version", Rule: "is one that this program knows", Want: fmt.Sprint(SnapshotVersion), Got: fmt.Sprint(s.Version),
			Hint: "make the snapshot again, with this version of the program",
		})
	}
	if !nameRE.MatchString(s.Environment) {
		errs = append(errs, &Violation{
			Field: "Environment", Rule: "is a name", Want: "the Name of an Environment", Got: fmt.Sprintf("%.60q", s.Environment),
			Hint: `such as "stg"`,
		})
	}
	if !s.Tier.known() {
		errs = append(errs, &Violation{
			Field: "Tier", Rule: "is one of the three", Want: "development, staging or production", Got: s.Tier.String(),
			Hint: "use the Tier of the Environment",
		})
	}
	seen := map[string]bool{}
	for i, e := range s.Entries {
		errs = append(errs, e.validate(fmt.Sprintf("Entries[%d]", i), seen[e.Variable])...)
		seen[e.Variable] = true
	}
	return errors.Join(errs...)
}

// validate tells what is wrong with an entry; again says that another one has
// its name.
func (e Entry) validate(at string, again bool) []error {
	var errs []error
	wrong := func(rule, want, got, hint string) {
		errs = append(errs, &Violation{Field: at, Rule: rule, Want: want, Got: got, Hint: hint})
	}
	if e.Variable == "" {
		wrong("has a name", "the name of a variable", "none", "fill in Variable")
	}
	if cell(e.Variable) != e.Variable {
		wrong("has a name", "one that can be printed", fmt.Sprintf("%.60q", e.Variable), "use the name that the program reads")
	}
	if again && e.Variable != "" {
		wrong("is there once", "one entry", fmt.Sprintf("another one for %.60q", e.Variable), "keep the one that is in force")
	}
	if e.Secret && e.Value != "" {
		wrong("keeps no secret", "no Value", fmt.Sprintf("one, of the secret %.60q", e.Variable), "fill the entry with Hold, and replace the secret if this was stored")
	}
	if !e.Secret && holdsSecret(e.Value) {
		wrong("keeps no secret", "a Value that is none", fmt.Sprintf("a password or a payment key in %.60q", e.Variable), "fill the entry with Hold, and replace the secret if this was stored")
	}
	if !e.Set && (e.Value != "" || !e.Fingerprint.IsZero() || len(e.Databases) > 0) {
		wrong("is set if it has a value", "Set", fmt.Sprintf("a value of %.60q, which is not", e.Variable), "fill the entry with Hold")
	}
	return errs
}
