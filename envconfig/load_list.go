package envconfig

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// list loads a slice of structs.
func (r *run) list(ctx context.Context, l *list, dst reflect.Value, in *element) {
	numbers := r.numbers(l, in)
	name, path := in.name(l.name), in.path(l.path)
	if len(numbers) == 0 && !l.optional {
		r.problem(&Problem{Variable: name + "_0", Field: path, Rule: "has at least one element", Fix: "set the variables that begin with " + name + "_0_"})
		return
	}
	for want, have := range numbers {
		if want != have {
			r.problem(&Problem{
				Variable: name + "_" + strconv.Itoa(want), Field: path, Rule: "is numbered from 0 without a gap",
				Fix: "variables that begin with " + name + "_" + strconv.Itoa(have) + "_ are set; set these too, or number those lower",
			})
			break
		}
	}
	all := reflect.MakeSlice(l.typ, len(numbers), len(numbers))
	for i, n := range numbers {
		number := strconv.Itoa(n)
		r.group(ctx, l.elem, all.Index(i), &element{pre: name + "_" + number + "_", at: path + "[" + number + "]"})
	}
	for _, ok := range l.checks {
		if f := ok(all, ""); f != nil {
			r.problem(&Problem{Variable: name + "_0", Field: path, Rule: f.rule, Fix: "set more or fewer of the variables that begin with " + name + "_"})
		}
	}
	if len(numbers) > 0 {
		dst.Set(all)
	}
}

// numbers returns the numbers of the elements that are there, in order.
func (r *run) numbers(l *list, in *element) []int {
	var numbers []int
	for _, name := range r.all {
		rest, ok := strings.CutPrefix(name, in.name(""))
		if !ok {
			continue
		}
		if n, inner, ok := l.element(rest); ok && l.elem.leafOf(inner) != nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

func (r *run) listNames() {
	for _, in := range r.inputs {
		in.each(func(name string, _ int) { r.all = append(r.all, name) })
	}
}

// element takes a name of an element apart; false if it is none.
func (l *list) element(name string) (number int, rest string, ok bool) {
	rest, ok = strings.CutPrefix(name, l.name+"_")
	if !ok {
		return 0, "", false
	}
	digits, rest, ok := strings.Cut(rest, "_")
	n, err := strconv.Atoi(digits)
	return n, rest, ok && err == nil && n >= 0 && strconv.Itoa(n) == digits
}
