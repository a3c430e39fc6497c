package approval

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy says whose approval a run needs. It is part of the plan, and so of
// its digest.
type Policy struct {
	// Quorums must all be reached. Each person fills one seat: who has two
	// roles is one person.
	Quorums []Quorum `json:"quorums"`
	// Within is how long after the request the run may pass; zero is 24
	// hours. At the instant of the deadline nothing passes any more, also not
	// what was approved before.
	Within time.Duration `json:"within"`
	// Outputs names the outputs of earlier steps that are approved with the
	// plan, such as the digest of an artefact. The step lists them in Binds.
	Outputs []string `json:"outputs,omitempty"`
	// Provides is the output of the step that says who approved, as a
	// [deploy.Approved]; empty is "approved_by". Names of outputs are unique in a
	// plan.
	Provides string `json:"provides"`
	// AllowSelf lets whoever started or continued the run approve it as well.
	AllowSelf bool `json:"allow_self,omitempty"`
}

// Quorum is N of M.
type Quorum struct {
	// N is how many must approve; zero is one.
	N int `json:"n"`
	// Role is what each of them must have; empty is none.
	Role string `json:"role,omitempty"`
	// From lists the M that may, by ID; empty is everybody with the role, and
	// without a role everybody whom a [Desk] lets vote.
	From []string `json:"from,omitempty"`
}

// maxSeats keeps who approved, with their comments, within one output.
const maxSeats = 10

// withDefaults resolves the zero values, which are then what the digest of the
// plan covers.
func (p Policy) withDefaults() Policy {
	if p.Within == 0 {
		p.Within = 24 * time.Hour
	}
	if p.Provides == "" {
		p.Provides = "approved_by"
	}
	p.Outputs = slices.Clone(p.Outputs)
	p.Quorums = slices.Clone(p.Quorums)
	for i, q := range p.Quorums {
		p.Quorums[i].From = slices.Clone(q.From)
		if q.N == 0 {
			p.Quorums[i].N = 1
		}
	}
	return p
}

// Validate reports everything that is wrong with p, joined.
func (p Policy) Validate() error {
	p = p.withDefaults()
	var errs []error
	if len(p.Quorums) == 0 {
		errs = append(errs, errors.New("field Quorums: nobody is asked; name a role or people"))
	}
	if p.Within < 0 {
		errs = append(errs, fmt.Errorf("field Within: %s is negative", p.Within))
	}
	for i, name := range p.Outputs {
		if name == "" || name == p.Provides || slices.Contains(p.Outputs[:i], name) {
			errs = append(errs, fmt.Errorf("field Outputs[%d]: %q is empty, there twice or what the step itself provides", i, name))
		}
	}
	seats := 0
	for i, q := range p.Quorums {
		seats += max(q.N, 0)
		if err := q.validate(); err != nil {
			errs = append(errs, fmt.Errorf("field Quorums[%d]: %w", i, err))
		}
	}
	if seats > maxSeats {
		errs = append(errs, fmt.Errorf("field Quorums: %d approvals are more than %d", seats, maxSeats))
	}
	return errors.Join(errs...)
}

func (q Quorum) validate() error {
	var errs []error
	if q.N < 0 {
		errs = append(errs, fmt.Errorf("field N: %d is negative", q.N))
	}
	if q.Role != "" {
		if err := checkRole(q.Role); err != nil {
			errs = append(errs, fmt.Errorf("field Role: %w", err))
		}
	}
	for i, id := range q.From {
		if _, err := canonical(id); err != nil {
			errs = append(errs, fmt.Errorf("field From[%d]: %w", i, err))
		}
		if slices.ContainsFunc(q.From[:i], func(other string) bool { return samePerson(id, other) }) {
			errs = append(errs, fmt.Errorf("field From[%d]: %q is there already", i, id))
		}
	}
	if len(q.From) > 0 && q.N > len(q.From) {
		errs = append(errs, fmt.Errorf("field N: %d of %d can never approve", q.N, len(q.From)))
	}
	return errors.Join(errs...)
}

// seats tells whether the person may fill a seat of the quorum.
func (q Quorum) seats(who Identity) bool {
	return (q.Role == "" || who.has(q.Role)) &&
		(len(q.From) == 0 || slices.ContainsFunc(q.From, func(id string) bool { return samePerson(id, who.ID) }))
}

// String says it for people, such as "2 of role ops".
func (q Quorum) String() string {
	s := fmt.Sprint(q.N)
	switch {
	case len(q.From) > 0:
		s += " of " + strings.Join(q.From, ", ")
		if q.Role != "" {
			s += " as " + q.Role
		}
	case q.Role != "":
		s += " of role " + q.Role
	default:
		s += " of anybody"
	}
	return s
}

// mayVote tells whether any quorum has a seat for the person.
func (p Policy) mayVote(who Identity) bool {
	return slices.ContainsFunc(p.Quorums, func(q Quorum) bool { return q.seats(who) })
}

// seated gives as many people as possible a seat each, by augmenting paths
// (Kuhn's algorithm for the matching of a bipartite graph), so that the result
// does not depend on who came first. It returns the people of each quorum as
// indices into who.
func (p Policy) seated(who []Identity) [][]int {
	var quorumOf []int
	for i, q := range p.Quorums {
		for range q.N {
			quorumOf = append(quorumOf, i)
		}
	}
	seatOf := map[int]int{} // by person
	var seat func(s int, tried map[int]bool) bool
	seat = func(s int, tried map[int]bool) bool {
		for n, person := range who {
			if tried[n] || !p.Quorums[quorumOf[s]].seats(person) {
				continue
			}
			tried[n] = true
			if other, taken := seatOf[n]; !taken || seat(other, tried) {
				seatOf[n] = s
				return true
			}
		}
		return false
	}
	for s := range quorumOf {
		seat(s, map[int]bool{})
	}
	people := make([][]int, len(p.Quorums))
	for n := range who {
		if s, ok := seatOf[n]; ok {
			people[quorumOf[s]] = append(people[quorumOf[s]], n)
		}
	}
	return people
}
