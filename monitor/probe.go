package monitor

import "bytes"

// probe is what one of the Kubernetes endpoints says about the critical checks.
type probe struct {
	name   string
	good   bool            // of all checks
	checks map[string]bool // by name, whether it is good
	bad    int             // of checks
	text   []byte          // a line for each
}

func newProbe(name string, s *Snapshot, good func(*State) bool) probe {
	p := probe{name: name, good: true, checks: map[string]bool{}}
	var b bytes.Buffer
	for _, c := range s.Checks {
		if !c.Critical {
			continue
		}
		ok := good(c)
		p.checks[c.Check] = ok
		if !ok {
			p.bad++
			p.good = false
		}
		b.WriteString(line(c.Check, ok))
	}
	p.text = b.Bytes()
	return p
}

// line is how Kubernetes' own endpoints say it.
func line(check string, good bool) string {
	if good {
		return "[+]" + check + " ok\n"
	}
	return "[-]" + check + " failed: reason withheld\n"
}

// without tells whether all is good but for the checks excluded, and which
// names are of no check. It costs as much as there are names.
func (p *probe) without(excluded []string) (good bool, unknown []string) {
	bad, seen := p.bad, map[string]bool{}
	for _, name := range excluded {
		ok, known := p.checks[name]
		switch {
		case !known:
			unknown = append(unknown, name)
		case !ok && !seen[name]:
			bad--
		}
		seen[name] = true
	}
	return bad == 0, unknown
}
