package secrets

// Value is a secret that hides itself on every exit but [Value.Reveal].
type Value struct{ reveal func() string }

// New makes a Value of s.
func New(s string) Value { return Value{reveal: func() string { return s }} }

// Reveal returns the secret itself.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}
