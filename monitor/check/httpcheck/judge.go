package httpcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/masaruk/devops/internal/probe"
	"github.com/masaruk/devops/monitor"
)

// judge looks at a complete answer with a status that passes.
func (c *Check) judge(ctx context.Context, r *monitor.Result, x *exchange, res probe.Result) {
	quote := quoter(ctx)
	c.judgeBody(r, x.body, quote)
	c.judgeHeader(r, x.header, quote)
	took := x.latency(res)
	switch {
	case c.o.FailLatency > 0 && took > c.o.FailLatency:
		worsen(r, monitor.Fail, "too slow", fmt.Errorf("it took %s, more than %s", took, c.o.FailLatency))
	case c.o.WarnLatency > 0 && took > c.o.WarnLatency:
		worsen(r, monitor.Warn, "slow", fmt.Errorf("it took %s, more than %s", took, c.o.WarnLatency))
	}
}

// quoter returns what quotes the beginning of a text, up to a length in bytes, in
// an error. What it cuts was redacted before.
func quoter(ctx context.Context) func(text string, limit int) string {
	return func(text string, limit int) string {
		text = monitor.Redact(ctx, text)
		text = strings.Join(strings.Fields(text[:min(len(text), limit)]), " ")
		return strconv.Quote(text)
	}
}

const (
	wrongBody = "not the expected body"

	longestQuote = 100 // of a header or a value
	longestBegin = 200 // of a body
)

func (c *Check) judgeBody(r *monitor.Result, body []byte, quote func(string, int) string) {
	wrong := func(what, expected string) {
		worsen(r, monitor.Fail, wrongBody, fmt.Errorf("the body %s %.100q: %s", what, expected, quote(string(body), longestBegin)))
	}
	if c.o.Contains != "" && !bytes.Contains(body, []byte(c.o.Contains)) {
		wrong("does not contain", c.o.Contains)
	}
	if c.matches != nil && !c.matches.Match(body) {
		wrong("does not match", c.o.Matches)
	}
	if c.rejects != nil && c.rejects.Match(body) {
		wrong("matches", c.o.Rejects)
	}
	if len(c.o.JSON) == 0 {
		return
	}
	document, err := probe.Decode(body)
	if err != nil {
		worsen(r, monitor.Fail, wrongBody, fmt.Errorf("%w: %s", err, quote(string(body), longestBegin)))
		return
	}
	for _, at := range slices.Sorted(maps.Keys(c.o.JSON)) {
		if err := wantAt(document, at, c.o.JSON[at], quote); err != nil {
			worsen(r, monitor.Fail, wrongBody, err)
		}
	}
}

// wantAt tells what is wrong with the value at a pointer, if anything.
func wantAt(document any, pointer, want string, quote func(string, int) string) error {
	value, err := probe.Find(document, pointer)
	if err != nil {
		return err
	}
	got := probe.Text(value)
	switch {
	case want == "" && value == nil:
		return fmt.Errorf("the body has null at %q", pointer)
	case want != "" && got != want:
		return fmt.Errorf("the body has %s at %q, want %.100q", quote(got, longestQuote), pointer, want)
	}
	return nil
}

func (c *Check) judgeHeader(r *monitor.Result, header http.Header, quote func(string, int) string) {
	for _, name := range slices.Sorted(maps.Keys(c.o.WantHeader)) {
		want, got := c.o.WantHeader[name], header.Values(name)
		switch {
		case len(got) == 0:
			worsen(r, monitor.Fail, "a header is missing", fmt.Errorf("there is no header %s", name))
		case want != "" && !slices.Contains(got, want):
			worsen(r, monitor.Fail, "a header is wrong", fmt.Errorf("header %s is %s, want %.100q", name, quote(got[0], longestQuote), want))
		}
	}
	if c.o.HSTS == 0 {
		return
	}
	age, err := hsts(header.Values("Strict-Transport-Security"), quote)
	if err == nil && age < c.o.HSTS {
		err = fmt.Errorf("max-age of Strict-Transport-Security is %s, at least %s is wanted", age, c.o.HSTS)
	}
	if err != nil {
		worsen(r, monitor.Fail, "HSTS is missing or short", err)
	}
}

// hsts reads the max-age as of RFC 6797: the first header counts, names of
// directives have no case, none comes twice, and the value may be quoted.
func hsts(values []string, quote func(string, int) string) (time.Duration, error) {
	if len(values) == 0 {
		return 0, errors.New("there is no header Strict-Transport-Security")
	}
	found, age := false, time.Duration(0)
	for directive := range strings.SplitSeq(values[0], ";") {
		name, value, _ := strings.Cut(directive, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "max-age") {
			continue
		}
		text := strings.Trim(strings.TrimSpace(value), `"`)
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < 0 || found {
			return 0, fmt.Errorf("max-age of Strict-Transport-Security is not one number of seconds: %s", quote(values[0], longestQuote))
		}
		found, age = true, time.Duration(min(seconds, 1<<33))*time.Second
	}
	if !found {
		return 0, fmt.Errorf("header Strict-Transport-Security has no max-age: %s", quote(values[0], longestQuote))
	}
	return age, nil
}
