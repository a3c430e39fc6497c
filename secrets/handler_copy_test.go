package secrets_test

import (
	"bytes"
	"io"
	"log/slog"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

// Most names are passed by after a look at their last two bytes.
func TestHandlerFindsNamesWithSeparatorsAnywhere(t *testing.T) {
	for _, name := range []string{"password_", "password-", "passwor_d", "passwor-d", "p_i_n", "PIN--", "_pwd", "ABC_Otp"} {
		_, masked := logged(t, "json", nil, slog.GroupValue(slog.String(name, leaked)))
		require.NotContains(t, masked, leaked, name)
	}
	_, masked := logged(t, "json", nil, slog.GroupValue(slog.String("pinned", "a"), slog.String("d", "b"), slog.String("", "c")))
	require.Contains(t, masked, `"x":{"pinned":"a","d":"b","":"c"}`)
}

func TestHandlerFindsPathsThroughOtherNames(t *testing.T) {
	opts := &secrets.HandlerOptions{Keys: keys(t, "x.headers.authorization")}
	x := slog.GroupValue(slog.Group("headers", "Authorization", leaked))
	for form := range inner {
		_, masked := logged(t, form, opts, x)
		require.NotContains(t, masked, leaked, form)
	}
}

// A handler may keep records, to write them later or together.
func TestHandlerBeforeOneThatKeepsRecords(t *testing.T) {
	var kept []slog.Record
	l := slog.New(handler(t, recordFunc(func(r slog.Record) { kept = append(kept, r) }), nil))
	for _, user := range []string{"ada", "bob"} {
		l.Info("m", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5, slog.Group("login", "user", user, slog.Group("in", "password", leaked, "user", user)))
	}
	var b bytes.Buffer
	for _, rec := range kept {
		require.NoError(t, slog.NewJSONHandler(&b, untimed).Handle(t.Context(), rec))
	}
	want := func(user string) string {
		return `{"level":"INFO","msg":"m","a":1,"b":2,"c":3,"d":4,"e":5,"login":{"user":"` + user + `","in":{"password":"[redacted]","user":"` + user + `"}}}` + "\n"
	}
	require.Equal(t, want("ada")+want("bob"), b.String())
}

// Room that is used again holds nothing of the records before.
func TestHandlerForgetsRecords(t *testing.T) {
	type large struct{ Name string }
	for _, next := range []slog.Handler{slog.NewJSONHandler(io.Discard, nil), slog.NewTextHandler(io.Discard, nil)} {
		l := slog.New(handler(t, next, nil))
		x := &large{"a"}
		w := weak.Make(x)
		l.Info("m", "a", 1, slog.Group("g", "password", leaked, "x", x), "x", x, "y", []*large{x})
		l.Info("m", "password", leaked)
		runtime.GC() // which leaves what can be used again, the first time
		require.Nil(t, w.Value())
		runtime.KeepAlive(l)
	}
}

func TestHandlerWithManyAttributes(t *testing.T) {
	var args []any
	for range 50 {
		args = append(args, "a", 1, slog.Group("g", "token", leaked, "b", 2))
	}
	var b, m bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, untimed)).Info("m", args...)
	slog.New(handler(t, slog.NewJSONHandler(&m, untimed), nil)).Info("m", args...)
	require.Equal(t, string(bytes.ReplaceAll(b.Bytes(), []byte(leaked), []byte("[redacted]"))), m.String())
}
