package envconfig

import (
	"cmp"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/masaruk/devops/secrets"
)

// check refuses a decoded value, of which it sees the text too.
type check func(v reflect.Value, text string) *fault

func limitInt(text string) (func(reflect.Value) int, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return func(v reflect.Value) int { return cmp.Compare(v.Int(), n) }, err == nil
}

func limitUint(text string) (func(reflect.Value) int, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return func(v reflect.Value) int { return cmp.Compare(v.Uint(), n) }, err == nil
}

func limitFloat(text string) (func(reflect.Value) int, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return func(v reflect.Value) int { return cmp.Compare(v.Float(), n) }, err == nil && !math.IsNaN(n)
}

func limitDuration(text string) (func(reflect.Value) int, bool) {
	d, err := time.ParseDuration(text)
	return func(v reflect.Value) int { return cmp.Compare(v.Int(), int64(d)) }, err == nil
}

func limitSize(text string) (func(reflect.Value) int, bool) {
	s, ok := parseSize(text)
	return func(v reflect.Value) int { return cmp.Compare(v.Int(), int64(s)) }, ok
}

func limitTime(layout string) func(string) (func(reflect.Value) int, bool) {
	return func(text string) (func(reflect.Value) int, bool) {
		at, err := time.Parse(layout, text)
		return func(v reflect.Value) int { return v.Addr().Interface().(*time.Time).Compare(at) }, err == nil
	}
}

// limitLength bounds a number of something that is counted.
func limitLength(length func(reflect.Value) int) func(string) (func(reflect.Value) int, bool) {
	return func(text string) (func(reflect.Value) int, bool) {
		n, err := strconv.Atoi(text)
		return func(v reflect.Value) int { return cmp.Compare(length(v), n) }, err == nil && n >= 0
	}
}

func runes(v reflect.Value) int { return utf8.RuneCountInString(v.String()) }

func revealedRunes(v reflect.Value) int {
	return utf8.RuneCountInString(v.Addr().Interface().(*secrets.Value).Reveal())
}

// minimum and maximum return the check of a limit, and what it says.
func minimum(k kind, text string) (check, string, bool) {
	compare, ok := k.limit(text)
	bad := &fault{bounded(k.limits, "at least ", text), more(k.limits)}
	return func(v reflect.Value, _ string) *fault {
		if compare(v) < 0 {
			return bad
		}
		return nil
	}, bad.rule, ok
}

func maximum(k kind, text string) (check, string, bool) {
	compare, ok := k.limit(text)
	bad := &fault{bounded(k.limits, "at most ", text), fewer(k.limits)}
	return func(v reflect.Value, _ string) *fault {
		if compare(v) > 0 {
			return bad
		}
		return nil
	}, bad.rule, ok
}

func bounded(what, how, text string) string {
	switch what {
	case "":
		return "is " + how + text
	case "length":
		return "has a length of " + how + text
	}
	return "has " + how + text + " " + what
}

// more and fewer tell what to do where a bound is broken.
func more(what string) string {
	switch what {
	case "":
		return "raise it"
	case "length":
		return "make it longer"
	}
	return "add " + what
}

func fewer(what string) string {
	switch what {
	case "":
		return "lower it"
	case "length":
		return "make it shorter"
	}
	return "take " + what + " out"
}

// oneOf returns the check that the text is one of a list of words.
func oneOf(list string) (check, string, bool) {
	words := strings.Split(list, ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	bad := &fault{"is one of " + strings.Join(words, ", "), "choose one of them, in the same case"}
	return func(_ reflect.Value, text string) *fault {
		if !slices.Contains(words, text) {
			return bad
		}
		return nil
	}, bad.rule, !slices.Contains(words, "") && len(slices.Compact(slices.Sorted(slices.Values(words)))) == len(words)
}

// matches returns the check that the whole text matches an expression.
func matches(expression string) (check, string, bool) {
	re, err := regexp.Compile(`\A(?:` + expression + `)\z`)
	bad := &fault{"matches " + expression, "write it in that form"}
	return func(_ reflect.Value, text string) *fault {
		if !re.MatchString(text) {
			return bad
		}
		return nil
	}, bad.rule, err == nil
}
