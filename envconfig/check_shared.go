package envconfig

import (
	"errors"
	"fmt"
	"slices"

	"github.com/masaruk/devops/secrets"
)

// CheckShared reports each secret and each database that two environments
// share, under whatever names: a joined error of [*Violation] with the variable
// of the first as its Field, or nil. The fingerprints of both have to be made
// under one key, or the error says that nothing can be told. What may be shared
// is given by name, with a reason; of an exception that nothing needs the error
// tells as well. The kind of these exceptions is left empty.
//
// Two variables of one environment that hold one secret are no matter of this.
// Servers on the same machine ("localhost") are not told apart, so are not
// compared, and neither is an address in another form than a URL.
func CheckShared(a, b Snapshot, exceptions ...Exception) error {
	allowed, err := index(exceptions)
	errs := []error{err, a.Validate(), b.Validate()}
	if a.Environment == b.Environment {
		errs = append(errs, &Violation{
			Field: "Environment", Rule: "is another one in each snapshot", Want: "two names", Got: fmt.Sprintf("%.60q twice", a.Environment),
			Hint: "compare two environments",
		})
	}
	if !underOneKey(a, b) {
		errs = append(errs, &Violation{
			Field: "Fingerprint", Rule: "is made of every secret under one key", Want: "one key", Got: "secrets without a fingerprint, or of another key",
			Hint: "make both snapshots with a Fingerprinter of the same key",
		})
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	used := map[string]bool{}
	for _, x := range a.Entries {
		for _, y := range b.Entries {
			what := shared(x, y)
			if what == "" {
				continue
			}
			if _, ok := allowed[Exception{Variable: x.Variable, Kind: DriftValue}]; ok {
				used[x.Variable] = true
				continue
			}
			errs = append(errs, &Violation{
				Field: x.Variable, Rule: "is of one environment", Want: what + " of its own in " + a.Environment + " and in " + b.Environment,
				Got: fmt.Sprintf("the same as in %.60q of %s", y.Variable, b.Environment), Hint: "make another one for the environment that matters less, and replace it in the other if it was seen there",
			})
		}
	}
	for _, e := range exceptions {
		if !used[e.Variable] {
			errs = append(errs, &Violation{
				Field: e.Variable, Rule: "needs its exception", Want: "something that " + a.Environment + " and " + b.Environment + " share", Got: "nothing",
				Hint: "remove the exception",
			})
		}
	}
	return errors.Join(errs...)
}

// shared tells what the two entries have in common: "a secret", "a database"
// or nothing.
func shared(x, y Entry) string {
	if !x.Fingerprint.IsZero() && x.Fingerprint == y.Fingerprint {
		return "a secret"
	}
	if slices.ContainsFunc(x.Databases, func(d secrets.Fingerprint) bool { return slices.Contains(y.Databases, d) }) {
		return "a database"
	}
	return ""
}

// underOneKey tells whether everything that the snapshots hold can be compared:
// that there is a fingerprint wherever there has to be one, all of one key. Of
// secrets that are empty there is none.
func underOneKey(snapshots ...Snapshot) bool {
	var all []secrets.Fingerprint
	for _, s := range snapshots {
		var found []secrets.Fingerprint
		lacks := false
		for _, e := range s.Entries {
			if !e.Fingerprint.IsZero() {
				found = append(found, e.Fingerprint)
			}
			found = append(found, e.Databases...)
			lacks = lacks || e.Set && e.Secret
			if len(e.Databases) == 0 && len(databasesOf(e.Value)) > 0 {
				return false
			}
		}
		if lacks && len(found) == 0 {
			return false
		}
		all = append(all, found...)
	}
	return !slices.ContainsFunc(all, func(f secrets.Fingerprint) bool { return !f.SameKey(all[0]) })
}
