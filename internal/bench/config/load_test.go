package config_test

import (
	"context"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	caarlos0 "github.com/caarlos0/env/v11"
	"github.com/ilyakaznacheev/cleanenv"
	kelsey "github.com/kelseyhightower/envconfig"
	"github.com/masaruk/devops/envconfig"
	sethvargo "github.com/sethvargo/go-envconfig"
)

// parser makes a parse from a source: the process environment, or a map if
// that is not nil.
type parser struct {
	name string
	// process tells that the parser reads the process environment only.
	process bool
	make    func(tb testing.TB, variables map[string]string) func() (shape, error)
}

func parsers() []parser {
	return []parser{
		{"envconfig", false, func(tb testing.TB, variables map[string]string) func() (shape, error) {
			return loader(tb, options(variables))
		}},
		{"envconfig-owned", false, func(tb testing.TB, variables map[string]string) func() (shape, error) {
			o := &envconfig.LoadOptions{Owned: []string{"PAYMENT_", "DB_", "REDIS_"}}
			if variables != nil {
				o.Inputs = options(variables).Inputs
			}
			return loader(tb, o)
		}},
		{"envconfig-first", false, loadOnce},
		{"sethvargo", false, func(_ testing.TB, variables map[string]string) func() (shape, error) {
			return func() (shape, error) {
				var c sethvargoShape
				o := &sethvargo.Config{Target: &c}
				if variables != nil {
					o.Lookuper = sethvargo.MapLookuper(variables)
				}
				err := sethvargo.ProcessWith(context.Background(), o)
				return shape(c), err
			}
		}},
		{"caarlos0", false, func(_ testing.TB, variables map[string]string) func() (shape, error) {
			return func() (shape, error) {
				var c caarlos0Shape
				err := caarlos0.ParseWithOptions(&c, caarlos0.Options{Environment: variables})
				return shape(c), err
			}
		}},
		{"kelsey", true, func(testing.TB, map[string]string) func() (shape, error) {
			return func() (shape, error) {
				var c kelseyShape
				err := kelsey.Process("", &c)
				return shape(c), err
			}
		}},
		{"cleanenv", true, func(testing.TB, map[string]string) func() (shape, error) {
			return func() (shape, error) {
				var c cleanenvShape
				err := cleanenv.ReadEnv(&c)
				return shape(c), err
			}
		}},
	}
}

func options(variables map[string]string) *envconfig.LoadOptions {
	if variables == nil {
		return nil
	}
	return &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("map", variables)}}
}

// loader loads again and again with one Loader.
func loader(tb testing.TB, opts *envconfig.LoadOptions) func() (shape, error) {
	l, err := envconfig.NewLoader[ours](opts)
	if err != nil {
		tb.Fatal(err)
	}
	return func() (shape, error) {
		c, err := l.Load(context.Background())
		if err != nil {
			return shape{}, err
		}
		return shape(c.Value), nil
	}
}

// loadOnce compiles the type each time, as a program does that loads once.
func loadOnce(_ testing.TB, variables map[string]string) func() (shape, error) {
	o := options(variables)
	return func() (shape, error) {
		c, err := envconfig.Load[ours](context.Background(), o)
		if err != nil {
			return shape{}, err
		}
		return shape(c.Value), nil
	}
}

func byHand(variables map[string]string) func() (shape, error) {
	lookup := os.LookupEnv
	if variables != nil {
		lookup = func(name string) (string, bool) {
			text, ok := variables[name]
			return text, ok
		}
	}
	return func() (shape, error) {
		h := hand{lookup: lookup}
		return h.parse()
	}
}

func setProcess(tb testing.TB) {
	for _, all := range []map[string]string{variables(), others()} {
		for name, text := range all {
			tb.Setenv(name, text)
		}
	}
}

// TestSameResults shows that every parser makes the same of the variables.
func TestSameResults(t *testing.T) {
	setProcess(t)
	want, err := byHand(nil)()
	if err != nil || len(want.Payment.Currencies) != 3 {
		t.Fatal(want, err)
	}
	for _, source := range []map[string]string{nil, variables()} {
		for _, p := range parsers() {
			if p.process && source != nil {
				continue
			}
			got, err := p.make(t, source)()
			if err != nil || !reflect.DeepEqual(want, got) {
				t.Errorf("%s: want %+v, got %+v, error %v", p.name, want, got, err)
			}
		}
	}
}

// BenchmarkLoad compares each parser with the parse by hand from the same
// source, in turns, so that what else the machine does falls on both.
func BenchmarkLoad(b *testing.B) {
	setProcess(b)
	for _, source := range []struct {
		name      string
		variables map[string]string
	}{{"process", nil}, {"map", variables()}} {
		for _, p := range append([]parser{{"hand", false, func(_ testing.TB, v map[string]string) func() (shape, error) { return byHand(v) }}}, parsers()...) {
			if p.process && source.variables != nil {
				continue
			}
			b.Run(source.name+"/"+p.name, func(b *testing.B) {
				compare(b, p.make(b, source.variables), byHand(source.variables))
			})
		}
	}
}

// compare reports the medians of many short turns, which what else the machine
// does disturbs less than a mean.
func compare(b *testing.B, parse, floor func() (shape, error)) {
	const batch = 16
	timed := func(f func() (shape, error)) float64 {
		start := time.Now()
		for range batch {
			if _, err := f(); err != nil {
				b.Fatal(err)
			}
		}
		return float64(time.Since(start).Nanoseconds()) / batch
	}
	var took, ratio []float64
	for b.Loop() {
		mine := timed(parse)
		took, ratio = append(took, mine), append(ratio, mine/timed(floor))
	}
	b.ReportMetric(median(took), "ns/load")
	b.ReportMetric(median(ratio), "x-hand")
	b.ReportMetric(testing.AllocsPerRun(100, func() { _, _ = parse() }), "allocs/load")
	b.ReportMetric(0, "ns/op")
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}
