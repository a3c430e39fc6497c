package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// needs returns the indices of the steps that step i waits for. Unknown names
// are reported by order.
func (p Plan) needs(i int, index map[string]int) (of []int, unknown []string) {
	s := p.Steps[i]
	if s.Needs == nil {
		if i > 0 {
			of = append(of, i-1)
		}
		return of, nil
	}
	for _, name := range s.Needs {
		if n, ok := index[name]; ok {
			of = append(of, n)
		} else {
			unknown = append(unknown, name)
		}
	}
	return of, unknown
}

func (p Plan) index() map[string]int {
	index := make(map[string]int, len(p.Steps))
	for i := len(p.Steps) - 1; i >= 0; i-- {
		index[p.Steps[i].Name] = i
	}
	return index
}

// order returns the indices of the steps in the order they run in: needs
// first, otherwise as listed.
func (p Plan) order() ([]int, error) {
	index := p.index()
	needs := make([][]int, len(p.Steps))
	var errs []error
	for i, s := range p.Steps {
		of, unknown := p.needs(i, index)
		needs[i] = of
		for _, name := range unknown {
			errs = append(errs, fmt.Errorf("field Steps[%d] %q: Needs %q, which is no step of the plan", i, s.Name, name))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	waiting := make([]int, len(p.Steps)) // needs not placed yet
	after := make([][]int, len(p.Steps))
	for i, of := range needs {
		waiting[i] = len(of)
		for _, n := range of {
			after[n] = append(after[n], i)
		}
	}
	return place(p, waiting, after)
}

// place is Kahn's algorithm; the lowest index that is free goes next, which
// keeps the listed order wherever Needs leave a choice.
func place(p Plan, waiting []int, after [][]int) ([]int, error) {
	free := indexHeap{}
	for i, n := range waiting {
		if n == 0 {
			free.push(i)
		}
	}
	order := make([]int, 0, len(waiting))
	for len(free) > 0 {
		i := free.pop()
		order = append(order, i)
		for _, next := range after[i] {
			if waiting[next]--; waiting[next] == 0 {
				free.push(next)
			}
		}
	}
	if len(order) == len(waiting) {
		return order, nil
	}
	var in []string
	for i, n := range waiting {
		if n > 0 {
			in = append(in, p.Steps[i].Name)
		}
	}
	return nil, fmt.Errorf("field Steps: Needs form a cycle through %s", strings.Join(in, ", "))
}

// waitsFor tells whether step i starts only after step target is done.
func (p Plan) waitsFor(i, target int, index map[string]int) bool {
	seen := map[int]bool{}
	for open := []int{i}; len(open) > 0; {
		next := open[len(open)-1]
		open = open[:len(open)-1]
		of, _ := p.needs(next, index)
		for _, n := range of {
			if n == target {
				return true
			}
			if !seen[n] {
				seen[n] = true
				open = append(open, n)
			}
		}
	}
	return false
}

// indexHeap is a sorted slice: plans are small, and most are chains, where it
// holds one element.
type indexHeap []int

func (h *indexHeap) push(i int) {
	at, _ := slices.BinarySearch(*h, i)
	*h = slices.Insert(*h, at, i)
}

func (h *indexHeap) pop() int {
	i := (*h)[0]
	*h = (*h)[1:]
	return i
}
