package httpcheck

import (
	"bytes"
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
func (c *Check) judge(r *monitor.Result, x *exchange, res probe.Result) {
	c.judgeBody(r, x.body)
	c.judgeHeader(r, x.header)
	took := x.latency(res)
	switch {
	case c.o.FailLatency > 0 && took > c.o.FailLatency:
		worsen(r, monitor.Fail, "too slow", fmt.Errorf("it took %s, more than %s", took, c.o.FailLatency))
	case c.o.WarnLatency > 0 && took > c.o.WarnLatency:
		worsen(r, monitor.Warn, "slow", fmt.Errorf("it took %s, more than %s", took, c.o.WarnLatency))
	}
}

const wrongBody = "not the expected body"

func (c *Check) judgeBody(r *monitor.Result, body []byte) {
	if c.o.Contains != "" && !bytes.Contains(body, []byte(c.o.Contains)) {
		worsen(r, monitor.Fail, wrongBody, fmt.Errorf("the body does not contain %.100q: %s", c.o.Contains, begin(body)))
	}
	if c.matches != nil && !c.matches.Match(body) {
		worsen(r, monitor.Fail, wrongBody, fmt.Errorf("the body does not match %.100q: %s", c.o.Matches, begin(body)))
	}
	if c.rejects != nil && c.rejects.Match(body) {
		worsen(r, monitor.Fail, wrongBody, fmt.Errorf("the body matches %.100q: %s", c.o.Rejects, begin(body)))
	}
	if len(c.o.JSON) == 0 {
		return
	}
	document, err := decode(body)
	if err != nil {
		worsen(r, monitor.Fail, wrongBody, fmt.Errorf("the body is not JSON: %s", begin(body)))
		return
	}
	for _, at := range slices.Sorted(maps.Keys(c.o.JSON)) {
		if err := document.want(at, c.o.JSON[at]); err != nil {
			worsen(r, monitor.Fail, wrongBody, err)
		}
	}
}

// begin is the begin of a body, for an error.
func begin(body []byte) string {
	text := strings.Join(strings.Fields(string(body[:min(len(body), 200)])), " ")
	return fmt.Sprintf("%q", text)
}

func (c *Check) judgeHeader(r *monitor.Result, header http.Header) {
	for _, name := range slices.Sorted(maps.Keys(c.o.WantHeader)) {
		want, got := c.o.WantHeader[name], header.Values(name)
		switch {
		case len(got) == 0:
			worsen(r, monitor.Fail, "a header is missing", fmt.Errorf("there is no header %s", name))
		case want != "" && !slices.Contains(got, want):
			worsen(r, monitor.Fail, "a header is wrong", fmt.Errorf("header %s is %.100q, want %.100q", name, got[0], want))
		}
	}
	if c.o.HSTS == 0 {
		return
	}
	age, err := hsts(header.Values("Strict-Transport-Security"))
	if err == nil && age < c.o.HSTS {
		err = fmt.Errorf("max-age of Strict-Transport-Security is %s, at least %s is wanted", age, c.o.HSTS)
	}
	if err != nil {
		worsen(r, monitor.Fail, "HSTS is missing or short", err)
	}
}

// hsts reads the max-age as of RFC 6797: the first header counts, names of
// directives have no case, none comes twice, and the value may be quoted.
func hsts(values []string) (time.Duration, error) {
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
			return 0, fmt.Errorf("max-age of Strict-Transport-Security is not one number of seconds: %.100q", values[0])
		}
		found, age = true, time.Duration(min(seconds, 1<<33))*time.Second
	}
	if !found {
		return 0, fmt.Errorf("header Strict-Transport-Security has no max-age: %.100q", values[0])
	}
	return age, nil
}
