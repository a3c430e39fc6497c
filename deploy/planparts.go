package deploy

import (
	"context"
	"encoding/json"
	"slices"
)

// planPart is how many bytes of steps one record of the log gets at most; a
// step that is longer gets a record of its own.
const planPart = 256 << 10

// parts cuts the description so that each part fits into a record. The first
// has everything but the steps that come in the others.
func (d Description) parts() []*Description {
	first := d
	first.Steps = nil
	all := []*Description{&first}
	size := 0
	for _, s := range d.Steps {
		raw, err := json.Marshal(s)
		if err != nil { // Describe has encoded it before
			continue
		}
		last := all[len(all)-1]
		if size+len(raw) > planPart && len(last.Steps) > 0 {
			last = &Description{}
			all, size = append(all, last), 0
		}
		last.Steps = append(last.Steps, s)
		size += len(raw)
	}
	return all
}

// completePlan puts what is missing of the plan behind the record that brought
// it: a controller may have died between the parts. Nothing has an effect
// before the log has the whole plan.
func (x *execution) completePlan(ctx context.Context) error {
	s := x.state()
	if s.planSteps <= len(s.plan.Steps) {
		return nil
	}
	have := len(s.plan.Steps)
	for _, part := range x.desc.parts() {
		if n := len(part.Steps); have >= n {
			have -= n
			continue
		}
		rec := &record{Kind: recPlan, Run: x.id, Plan: &Description{Steps: slices.Clone(part.Steps[have:])}}
		if err := x.journal.append(ctx, rec); err != nil {
			return err
		}
		have = 0
	}
	return nil
}
