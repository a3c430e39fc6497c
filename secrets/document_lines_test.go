package secrets_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

// pass filters text in pieces of n bytes.
func pass(t testing.TB, k *secrets.Keys, r *secrets.Redactor, text string, n int) string {
	var out bytes.Buffer
	w := k.Lines(&out, r)
	for rest := text; rest != ""; {
		size := min(n, len(rest))
		wrote, err := io.WriteString(w, rest[:size])
		require.NoError(t, err)
		require.Equal(t, size, wrote)
		rest = rest[size:]
	}
	require.NoError(t, w.Close())
	return out.String()
}

func TestLines(t *testing.T) {
	k, r := keys(t, append(secrets.DefaultKeys(), "req.x", "[1]")...), redactor(t, "hunter22", `{"type":"service","n":1}`)
	for _, c := range []struct{ name, line, want string }{
		{
			"pino", `{"level":30,"time":1764000000000,"pid":7,"hostname":"api","req":{"id":1,"headers":{"host":"x","authorization":"Bearer abc"}},"msg":"request"}`,
			`{"level":30,"time":1764000000000,"pid":7,"hostname":"api","req":{"id":1,"headers":{"host":"x","authorization":"[redacted]"}},"msg":"request"}`,
		},
		{"nothing", `{"level":30,"msg":"ok"}`, `{"level":30,"msg":"ok"}`},
		{"value", `{"msg":"is hunter22"}`, `{"msg":"is [redacted]"}`},
		{"text", `Listening on 3000 with hunter22`, `Listening on 3000 with [redacted]`},
		{"empty", ``, ``},
		{"carriage return", "{\"token\":1}\r", "{\"token\":\"[redacted]\"}\r"},
		{"array", `["a","b"]`, `["a","[redacted]"]`},
		{"brackets in text", `[2026-11-24 10:00:00] {up} {} ready { not json }`, `[2026-11-24 10:00:00] {up} {} ready { not json }`},
		{"process manager", `0|api  | {"password":"x","a":1}`, `0|api  | {"password":"[redacted]","a":1}`},
		{"objects in text", `got {"pin":1} and {"a":{ "otp": "2"}} and hunter22.`, `got {"pin":"[redacted]"} and {"a":{ "otp": "[redacted]"}} and [redacted].`},
		{"breaks off", `{"a":1,"password":"abc`, `{"a":1,"password":[redacted]`},
		{"breaks off in text", `x {"a":"b`, `x {"a":[redacted]`},
		{"breaks off at once", `x {`, `x {`},
		{"a line of an object", `  "password": "x y",`, `  "password": "[redacted]",`},
		{"an escaped name", `"pass\u0077ord" : 12`, `"pass\u0077ord" : "[redacted]"`},
		{"members", `"a":1, "token":{"x":"y"},"b":{"pin":1}}, {"pin":2}`, `"a":1, "token":"[redacted]","b":{"pin":"[redacted]"}}, {"pin":"[redacted]"}`},
		{"a path", `"req": {"x":1, "y":2}`, `"req": {"x":"[redacted]", "y":2}`},
		{"a member goes on", `"headers": {`, `"headers": {`},
		{"a secret goes on", `"authorization": {"a":"b",`, `"authorization": [redacted]`},
		{"no member", `"password" is not "token": x`, `"password" is not "token": x`},
		{"a value like an object", `x {"type":"service","n":1} y`, `x [redacted] y`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, n := range []int{1, 7, 1 << 20} {
				require.Equal(t, c.want, pass(t, k, r, c.line, n), "without an end")
				require.Equal(t, c.want+"\n\n"+c.want+"\n", pass(t, k, r, c.line+"\n\n"+c.line+"\n", n))
			}
		})
	}
}

// TestLinesOfOneObject, as JSON.stringify(x, null, 2) writes it.
func TestLinesOfOneObject(t *testing.T) {
	k := keys(t, secrets.DefaultKeys()...)
	require.Equal(t, "{\n  \"user\": {\n    \"password\": \"[redacted]\",\n    \"id\": 7\n  }\n}\n",
		pass(t, k, nil, "{\n  \"user\": {\n    \"password\": \"x\",\n    \"id\": 7\n  }\n}\n", 5))
}

func TestLinesOfAnyLength(t *testing.T) {
	k := keys(t, "**.password")
	most := `{"a":"` + strings.Repeat("x", 1<<20-8) + `"}`
	require.Len(t, most, 1<<20)
	require.Equal(t, most+"\nnext\n", pass(t, k, nil, most+"\nnext\n", 1<<16))
	require.Equal(t, "[redacted]\nnext\n", pass(t, k, nil, "x"+most+"\nnext\n", 1<<16))
	require.Equal(t, "before\n[redacted]", pass(t, k, nil, "before\nx"+most, 1<<21))
}

func TestLinesPassOnALineWhenItEnds(t *testing.T) {
	var out bytes.Buffer
	w := keys(t, "pin").Lines(&out, nil)
	fmt.Fprint(w, `{"pin":1}`)
	require.Empty(t, out.String())
	fmt.Fprint(w, "\n{")
	require.Equal(t, "{\"pin\":\"[redacted]\"}\n", out.String())
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.Equal(t, "{\"pin\":\"[redacted]\"}\n{", out.String())
	_, err := fmt.Fprint(w, "x")
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestLinesReportTheWriterBehind(t *testing.T) {
	full := errors.New("no space")
	w := keys(t, "pin").Lines(writerFunc(func([]byte) (int, error) { return 0, full }), nil)
	_, err := fmt.Fprintln(w, "text")
	require.ErrorIs(t, err, full)
	_, err = fmt.Fprintln(w, "more")
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, w.Close(), full)
	_, err = keys(t, "pin").Lines(writerFunc(func(p []byte) (int, error) { return len(p) - 1, nil }), nil).Write([]byte("text\n"))
	require.ErrorIs(t, err, io.ErrShortWrite)
}
