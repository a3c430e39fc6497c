package main

import (
	"context"
	"io"
	"strings"

	"github.com/masaruk/devops/internal/testenv"
)

// machineStep names what the tests need and no installation provides, after
// everything that can be installed was.
func machineStep(b *bench) step {
	return step{"servers available to the tests", func(context.Context, io.Writer) outcome {
		reqs, err := testenv.Requirements()
		if err != nil {
			return result(err)
		}
		return b.judgeServers(reqs)
	}}
}

// judgeServers says which servers can start, and what each of the others
// misses.
func (b *bench) judgeServers(reqs []testenv.Requirement) outcome {
	var ready, missing []string
	for _, r := range reqs {
		parts := r.Missing()
		if len(parts) == 0 {
			ready = append(ready, r.Name)
			continue
		}
		text := make([]string, len(parts))
		for i, p := range parts {
			text[i] = string(p.Source) + " " + p.Name
		}
		missing = append(missing, r.Name+" (missing: "+strings.Join(text, ", ")+")")
	}
	if len(missing) > 0 {
		return b.leftOut("left out are the tests of %s", strings.Join(missing, "; "))
	}
	return remark("%s", strings.Join(ready, ", "))
}
