package deploy

import (
	"fmt"
	"strings"
)

// Preview returns what the steps would do, for people to read before the run:
// the lines of each Do that is a [Previewer], in the order the steps run in.
// It runs nothing. It fails where Validate does.
func (p Plan) Preview() (string, error) {
	if err := p.Validate(); err != nil {
		return "", err
	}
	order, err := p.order()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for n, i := range order {
		s := p.Steps[i]
		fmt.Fprintf(&b, "%3d. %s\n", n+1, s.Name)
		for _, line := range preview(s.Do) {
			fmt.Fprintf(&b, "       %s\n", line)
		}
	}
	return b.String(), nil
}

func preview(a Action) (lines []string) {
	defer func() {
		if p := recover(); p != nil {
			lines = []string{fmt.Sprintf("no preview: it panics with a %T", p)} // not the value, which may hold a secret
		}
	}()
	if p, ok := a.(Previewer); ok {
		return p.Preview()
	}
	d, err := describeAction(a)
	if err != nil { // Validate has looked already
		return []string{err.Error()}
	}
	return []string{"no preview: " + d.String()}
}
