package envconfig

import "fmt"

// Tier is the kind of an environment. The zero Tier is none.
type Tier int

// The tiers, from the laxest to the strictest.
const (
	TierDevelopment Tier = iota + 1
	TierStaging
	TierProduction
)

var tierNames = [...]string{TierDevelopment: "development", TierStaging: "staging", TierProduction: "production"}

func (t Tier) known() bool { return t >= TierDevelopment && t <= TierProduction }

// String returns "development", "staging" or "production", "unset" for the
// zero Tier, and a number in parentheses for anything else.
func (t Tier) String() string {
	switch {
	case t == 0:
		return "unset"
	case t.known():
		return tierNames[t]
	}
	return fmt.Sprintf("Tier(%d)", int(t))
}

// MarshalText returns the tier's name; the zero Tier has none and is an error.
func (t Tier) MarshalText() ([]byte, error) {
	if !t.known() {
		return nil, fmt.Errorf("envconfig: tier %s has no text; it is one of development, staging, production", t)
	}
	return []byte(tierNames[t]), nil
}

// UnmarshalText accepts exactly the texts that MarshalText returns.
func (t *Tier) UnmarshalText(text []byte) error {
	for known := TierDevelopment; known.known(); known++ {
		if string(text) == tierNames[known] {
			*t = known
			return nil
		}
	}
	return fmt.Errorf("envconfig: tier %.40q is none of development, staging, production", text)
}
