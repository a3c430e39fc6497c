package logmask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/masaruk/devops/secrets"
)

// leaked is planted in four places of the record.
const leaked = "sk_live_5T9qLw2ZrXc8VbNm4KpHs7Jd"

type charge struct {
	ID       string `json:"id"`
	Customer string `json:"customer"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Live     bool   `json:"live"`
	Secret   string `json:"client_secret"`
}

// typedCharge is a charge with its secret in the type made for it.
type typedCharge struct {
	ID       string        `json:"id"`
	Customer string        `json:"customer"`
	Amount   int64         `json:"amount"`
	Currency string        `json:"currency"`
	Live     bool          `json:"live"`
	Secret   secrets.Value `json:"client_secret"`
}

var (
	plainCharge = charge{"ch_3Nf92k", "cus_O81mqW", 129900, "egp", true, leaked}
	valueCharge = typedCharge{"ch_3Nf92k", "cus_O81mqW", 129900, "egp", true, secrets.New(leaked)}
	apiKey      = secrets.New(leaked)
	errTyped    = fmt.Errorf("charge: %w", fmt.Errorf("provider refused the key %v of the account", apiKey))
	errDeclined = fmt.Errorf("charge: %w", errors.New("provider refused the key "+leaked+" of the account"))
)

// record returns ten scalars, one of them secret, a group with a header in a
// group, a struct, and an error.
func record(apiKey slog.Attr, object any, err error) []slog.Attr {
	return []slog.Attr{
		slog.String("service", "api"), slog.String("route", "/v1/payments/charge"), slog.String("method", "POST"),
		slog.Int("status", 402), slog.Duration("took", 84*time.Millisecond), slog.Int64("bytes", 5120),
		slog.Bool("retry", false), slog.Float64("rate", 0.25), slog.String("request_id", "01JD3YB1V0V2Q9XK2M8R5T7W6Z"),
		apiKey,
		slog.Group("req", slog.String("host", "api.example.com"),
			slog.Group("headers", slog.String("accept", "application/json"), slog.String("authorization", "Bearer "+leaked))),
		slog.Any("charge", object),
		slog.Any("error", err),
	}
}

func plain() []slog.Attr { return record(slog.String("api_key", leaked), plainCharge, errDeclined) }

func typed() []slog.Attr {
	return record(slog.Any("api_key", apiKey), valueCharge, errDeclined)
}

// typedError is typed with an error whose text was made of the typed secret.
func typedError() []slog.Attr {
	return record(slog.Any("api_key", apiKey), valueCharge, errTyped)
}

func typedAttribute() []slog.Attr {
	return record(slog.Any("api_key", apiKey), plainCharge, errDeclined)
}

// clean has nothing to hide, and no name that says so.
func clean() []slog.Attr {
	type object struct {
		ID, Customer, Currency string
		Amount                 int64
	}
	attrs := record(slog.String("api_version", "2026-10-01"), object{"ch_3Nf92k", "cus_O81mqW", "egp", 129900}, errors.New("declined"))
	attrs[10] = slog.Group("req", slog.String("host", "api.example.com"), slog.Group("headers", slog.String("accept", "application/json")))
	return attrs
}

func redactor(t testing.TB) *secrets.Redactor {
	values := []secrets.Value{secrets.New(leaked)}
	for i := range 19 {
		values = append(values, secrets.New(fmt.Sprintf("%dwhsec_%x", i, 0x9e3779b97f4a7c15*uint64(i+1))))
	}
	r, err := secrets.NewRedactor(values...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func masking(t testing.TB, w io.Writer, r *secrets.Redactor) slog.Handler {
	h, err := secrets.NewHandler(slog.NewJSONHandler(w, nil), &secrets.HandlerOptions{Redactor: r})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func replacing(w io.Writer, replace func([]string, slog.Attr) slog.Attr) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: replace})
}

func byKey(_ []string, a slog.Attr) slog.Attr {
	switch strings.ToLower(a.Key) {
	case "api_key", "authorization", "password", "client_secret", "token", "cookie":
		return slog.String(a.Key, secrets.Placeholder)
	}
	return a
}

type variant struct {
	name    string
	attrs   func() []slog.Attr
	handler func(t testing.TB, w io.Writer) slog.Handler
	leaks   int  // of the four planted copies
	base    bool // what those that follow are compared with
}

func variants() []variant {
	return []variant{
		{"plain", plain, func(_ testing.TB, w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }, 4, true},
		{"replaceattr-noop", plain, func(_ testing.TB, w io.Writer) slog.Handler {
			return replacing(w, func(_ []string, a slog.Attr) slog.Attr { return a })
		}, 4, false},
		{"replaceattr-by-key", plain, func(_ testing.TB, w io.Writer) slog.Handler { return replacing(w, byKey) }, 2, false},
		{"plain-typed", typed, func(_ testing.TB, w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }, 2, false},
		{"handler-typed", typed, func(t testing.TB, w io.Writer) slog.Handler { return masking(t, w, redactor(t)) }, 0, false},
		{"handler-plain-field", typedAttribute, func(t testing.TB, w io.Writer) slog.Handler { return masking(t, w, redactor(t)) }, 0, false},
		{"handler-typed-and-line", typed, func(t testing.TB, w io.Writer) slog.Handler {
			r := redactor(t)
			return masking(t, r.Writer(w), r)
		}, 0, false},
		{"keys-typed-and-line", typed, func(t testing.TB, w io.Writer) slog.Handler {
			return masking(t, redactor(t).Writer(w), nil)
		}, 0, false},
		{"keys-all-typed-and-line", typedError, func(t testing.TB, w io.Writer) slog.Handler {
			return masking(t, redactor(t).Writer(w), nil)
		}, 0, false},
		{"keys-all-typed", typedError, func(t testing.TB, w io.Writer) slog.Handler { return masking(t, w, nil) }, 0, false},
		{"keys-typed", typed, func(t testing.TB, w io.Writer) slog.Handler { return masking(t, w, nil) }, 1, false},
		{"line-only", plain, func(t testing.TB, w io.Writer) slog.Handler {
			return slog.NewJSONHandler(redactor(t).Writer(w), nil)
		}, 0, false},
		{"clean-plain", clean, func(_ testing.TB, w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }, 0, true},
		{"clean-handler", clean, func(t testing.TB, w io.Writer) slog.Handler { return masking(t, w, redactor(t)) }, 0, false},
	}
}

func TestLeaks(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			var b bytes.Buffer
			slog.New(v.handler(t, &b)).LogAttrs(context.Background(), slog.LevelInfo, "payment refused", v.attrs()...)
			line := b.String()
			if n := strings.Count(line, leaked); n != v.leaks {
				t.Errorf("%d planted copies are left, want %d: %s", n, v.leaks, line)
			}
			if !strings.HasSuffix(line, "}\n") || !json.Valid(b.Bytes()) {
				t.Errorf("not a whole line of JSON: %s", line)
			}
		})
	}
}

// BenchmarkLog takes the variants in turns, so that what else the machine does
// meets all of them, and reports for each the lowest tenth and the median of
// the times of a record, beside those of the plain handler with the same record.
// Making the attributes belongs to logging them.
func BenchmarkLog(b *testing.B) {
	const records = 50
	all := variants()
	times := make([][]float64, len(all))
	var loggers []*slog.Logger
	for _, v := range all {
		loggers = append(loggers, slog.New(v.handler(b, io.Discard)))
	}
	for turn := 0; b.Loop(); turn++ {
		for k := range all {
			i := (k + turn) % len(all)
			start := time.Now()
			for range records {
				loggers[i].LogAttrs(context.Background(), slog.LevelInfo, "payment refused", all[i].attrs()...)
			}
			times[i] = append(times[i], float64(time.Since(start).Nanoseconds())/records)
		}
	}
	var base, baseMedian float64
	for i, v := range all {
		slices.Sort(times[i])
		ns, median := times[i][len(times[i])/10], times[i][len(times[i])/2]
		if v.base {
			base, baseMedian = ns, median
		}
		b.ReportMetric(ns, v.name+"-ns")
		b.ReportMetric(ns/base, v.name+"-x")
		fmt.Printf("%-24s %6.0f ns %.2f x plain   median %6.0f ns %.2f x plain   %d of 4 left\n", v.name, ns, ns/base, median, median/baseMedian, v.leaks) // b.Log shows ten lines
	}
}
